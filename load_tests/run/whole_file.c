/* Results are read by other programs while a run goes on: they must never see half a file. */
#include "run/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".tmp"
#define READ_SIZE 65536u

static int temporary(const struct fs_whole_file *whole, char path[PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s%s", whole->path, SUFFIX);

    return len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int fs_whole_file_open(struct fs_whole_file *whole, const char *folder, const char *name)
{
    char path[PATH_MAX];

    whole->file = NULL;
    if (snprintf(whole->path, sizeof(whole->path), "%s/%s", folder, name) >=
            (int)sizeof(whole->path) ||
        temporary(whole, path) != 0)
        return -ENAMETOOLONG;
    whole->file = fopen(path, "we");
    return whole->file ? 0 : -errno;
}

int fs_whole_file_close(struct fs_whole_file *whole)
{
    char path[PATH_MAX];
    int rc = ferror(whole->file) ? -EIO : 0;

    if (fclose(whole->file) != 0 && rc == 0)
        rc = -errno;
    whole->file = NULL;
    if (temporary(whole, path) != 0)
        return -ENAMETOOLONG;
    if (rc == 0 && rename(path, whole->path) != 0)
        rc = -errno;
    if (rc != 0)
        unlink(path);
    return rc;
}

int fs_whole_file_write(const char *folder, const char *name, const char *text, size_t len)
{
    struct fs_whole_file whole;
    int rc = fs_whole_file_open(&whole, folder, name);

    if (rc != 0)
        return rc;
    fwrite(text, 1, len, whole.file);
    return fs_whole_file_close(&whole);
}

int fs_make_folders(const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part))
        return len == 0 ? -ENOENT : -ENAMETOOLONG;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

char *fs_read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t len = 0;
    size_t more;

    if (!file)
        return NULL;
    do {
        char *grown = realloc(text, len + READ_SIZE + 1);

        if (!grown) {
            free(text);
            fclose(file);
            errno = ENOMEM;
            return NULL;
        }
        text = grown;
        more = fread(text + len, 1, READ_SIZE, file);
        len += more;
    } while (more > 0);
    text[len] = '\0';
    fclose(file);
    return text;
}
