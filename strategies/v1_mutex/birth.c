/* Reading and writing <data_dir>/v1.born: see birth.h. */
#include "birth.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crc32c.h"

#define LINE_SIZE 160u

/* Returns the length. */
static int write_line(char line[LINE_SIZE], const struct fs_v1_birth *birth)
{
    int len =
        snprintf(line, LINE_SIZE, "flashsale v1 journal: segment %" PRIu64 " position %" PRIu64,
                 birth->segment, birth->position);

    return len + snprintf(line + len, LINE_SIZE - (size_t)len, " crc32c %08" PRIx32 "\n",
                          fs_v1_crc32c(line, (size_t)len));
}

int fs_v1_birth_read(const struct fs_host *host, int data_fd, struct fs_v1_birth *birth)
{
    char found[LINE_SIZE] = "", expected[LINE_SIZE];
    ssize_t len;
    int fd = openat(data_fd, FS_V1_BIRTH_NAME, O_RDONLY | O_CLOEXEC);

    *birth = (struct fs_v1_birth){0};
    if (fd < 0 && errno == ENOENT)
        return 0;
    len = fd < 0 ? -errno : fs_v1_folder_read(fd, found, sizeof(found) - 1, 0);
    if (fd >= 0)
        close(fd);
    if (len < 0) {
        host->log(host, FS_LOG_ERROR, "v1: cannot read %s in the data folder: %s", FS_V1_BIRTH_NAME,
                  strerror((int)-len));
        return (int)len;
    }
    if (sscanf(found, "flashsale v1 journal: segment %" SCNu64 " position %" SCNu64,
               &birth->segment, &birth->position) == 2 &&
        write_line(expected, birth) == len && memcmp(found, expected, (size_t)len) == 0)
        return 0;
    host->log(
        host, FS_LOG_ERROR,
        "v1: %s in the data folder is damaged, so it is not known what the journal must hold: "
        "restore it from a copy; or remove it, if you know that the journal is whole",
        FS_V1_BIRTH_NAME);
    return -EBADMSG;
}

void fs_v1_birth_write(const struct fs_v1_folder *folder, const struct fs_v1_birth *birth)
{
    struct fs_v1_files *files = folder->files;
    char line[LINE_SIZE];
    int len = write_line(line, birth);
    int fd;

    if (files->unlink(files, folder->data_fd, FS_V1_BIRTH_TMP) != 0 && errno != ENOENT)
        fs_v1_folder_fail(folder, "the removal", FS_V1_BIRTH_TMP, errno);
    fd = files->create(files, folder->data_fd, FS_V1_BIRTH_TMP);
    if (fd < 0)
        fs_v1_folder_fail(folder, "the creation", FS_V1_BIRTH_TMP, errno);
    fs_v1_folder_write(folder, FS_V1_BIRTH_TMP, fd, line, (size_t)len, 0);
    fs_v1_folder_sync(folder, FS_V1_BIRTH_TMP, fd);
    close(fd);
    if (files->rename(files, folder->data_fd, FS_V1_BIRTH_TMP, FS_V1_BIRTH_NAME) != 0)
        fs_v1_folder_fail(folder, "the renaming", FS_V1_BIRTH_TMP, errno);
    fs_v1_folder_sync(folder, "the data folder", folder->data_fd);
}
