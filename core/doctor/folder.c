/* The data folder: what v1's journal and a private Redis wait for at each batch is its fdatasync. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "doctor/doctor.h"

#define TOPIC "folder"
#define SYNCS 20
#define SYNC_US_MAX 10000u /* a median above it is a slow disk */
#define PATH_SIZE 4096

/* The folder, or the nearest one above it that there is. */
static int find(const char *wanted, char path[PATH_SIZE])
{
    struct stat status;
    char *slash;

    if (snprintf(path, PATH_SIZE, "%s", wanted) >= PATH_SIZE)
        return -ENAMETOOLONG;
    while (stat(path, &status) != 0) {
        if (errno != ENOENT)
            return -errno;
        slash = strrchr(path, '/');
        if (!slash)
            snprintf(path, PATH_SIZE, ".");
        else if (slash == path)
            path[1] = '\0';
        else
            *slash = '\0';
    }
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

static void check_kind(const struct fs_doctor *doctor, const char *path)
{
    struct statfs status;

    if (statfs(path, &status) != 0)
        return;
    if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "file system",
                       "Nothing here outlives the machine: set data_dir to a disk.",
                       "%s is in memory", path);
    else if (status.f_type == NFS_SUPER_MAGIC)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "file system",
                       "The lock against a second server, and fdatasync, are only as good as the "
                       "network: set data_dir to a local disk.",
                       "%s is on NFS", path);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "file system", NULL, "%s, on a disk", path);
}

/* Median time of appending 200 bytes durably, microseconds; or a negative errno. */
static int64_t time_syncs(int fd)
{
    uint64_t took_us[SYNCS];
    const char record[200] = {0};

    for (size_t i = 0; i < SYNCS; i++) {
        uint64_t begun_us = fs_clock_now_us();

        if (write(fd, record, sizeof(record)) != (ssize_t)sizeof(record) || fdatasync(fd) != 0)
            return -errno;
        took_us[i] = fs_clock_now_us() - begun_us;
    }
    return (int64_t)fs_doctor_median(took_us, SYNCS);
}

static void check_sync(const struct fs_doctor *doctor, const char *folder)
{
    char path[PATH_SIZE + 32];
    int64_t us;
    int fd;

    snprintf(path, sizeof(path), "%s/flashsale-doctor-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC | O_APPEND);
    if (fd < 0) {
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "writing",
                       "Let the server's user write there, or set data_dir.", "%s: %s", folder,
                       strerror(errno));
        return;
    }
    us = time_syncs(fd);
    close(fd);
    unlink(path);
    if (us < 0)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "fdatasync",
                       "The journal of v1 ends the server at the first write that fails.", "%s",
                       strerror((int)-us));
    else if (us > SYNC_US_MAX)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "fdatasync",
                       "Each durable answer waits for one: use a local SSD for data_dir.",
                       "%.1f ms, median of %d", (double)us / 1000, SYNCS);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "fdatasync", NULL, "%.1f ms, median of %d",
                       (double)us / 1000, SYNCS);
}

void fs_doctor_folder(const struct fs_doctor *doctor)
{
    char path[PATH_SIZE];
    int rc = find(doctor->config->data_dir, path);

    if (rc != 0) {
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "data folder",
                       "Set data_dir to a folder.", "%s: %s", doctor->config->data_dir,
                       strerror(-rc));
        return;
    }
    check_kind(doctor, path);
    check_sync(doctor, path);
}
