/* The strategy's folder: see folder.h. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "birth.h"
#include "limits.h"

#define CREATE_PAUSE_NS 10000000l /* until a file is tried again for want of a descriptor */

static ssize_t system_write(struct fs_v1_files *files, int fd, const void *data, size_t len,
                            off_t at)
{
    (void)files;
    return pwrite(fd, data, len, at);
}

static int system_sync(struct fs_v1_files *files, int fd, bool data_only)
{
    (void)files;
    return data_only ? fdatasync(fd) : fsync(fd);
}

/* A process without a free descriptor has a disk all the same, and its connections give descriptors back:
 * so that is waited for, and meanwhile purchases get their answers by their deadlines. */
static int system_create(struct fs_v1_files *files, int folder, const char *name)
{
    const struct timespec pause = {0, CREATE_PAUSE_NS};
    int fd;

    (void)files;
    while ((fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0 &&
           (errno == EMFILE || errno == ENFILE))
        nanosleep(&pause, NULL);
    return fd;
}

static int system_truncate(struct fs_v1_files *files, int fd, off_t size)
{
    (void)files;
    return ftruncate(fd, size);
}

static int system_rename(struct fs_v1_files *files, int folder, const char *from, const char *to)
{
    (void)files;
    return renameat(folder, from, folder, to);
}

static int system_unlink(struct fs_v1_files *files, int folder, const char *name)
{
    (void)files;
    return unlinkat(folder, name, 0);
}

void fs_v1_files_init(struct fs_v1_files *files)
{
    *files = (struct fs_v1_files){
        .write = system_write,
        .sync = system_sync,
        .create = system_create,
        .truncate = system_truncate,
        .rename = system_rename,
        .unlink = system_unlink,
    };
}

_Noreturn void fs_v1_folder_fail(const struct fs_v1_folder *folder, const char *what,
                                 const char *name, int error)
{
    folder->host->log(folder->host, FS_LOG_ERROR,
                      "v1: %s of %s failed (%s): the process ends, since what is on disk is not "
                      "known any more; nothing acknowledged is lost",
                      what, name, strerror(error));
    _exit(1);
}

void fs_v1_folder_write(const struct fs_v1_folder *folder, const char *name, int fd,
                        const void *data, size_t len, off_t at)
{
    const char *from = data;

    while (len > 0) {
        ssize_t written = folder->files->write(folder->files, fd, from, len, at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            fs_v1_folder_fail(folder, "a write", name, written < 0 ? errno : EIO);
        from += written;
        len -= (size_t)written;
        at += written;
    }
}

void fs_v1_folder_sync(const struct fs_v1_folder *folder, const char *name, int fd)
{
    if (folder->files->sync(folder->files, fd, false) != 0)
        fs_v1_folder_fail(folder, "a sync", name, errno);
}

void fs_v1_folder_sync_data(const struct fs_v1_folder *folder, const char *name, int fd)
{
    if (folder->files->sync(folder->files, fd, true) != 0)
        fs_v1_folder_fail(folder, "a sync", name, errno);
}

ssize_t fs_v1_folder_read(int fd, void *data, size_t len, off_t at)
{
    size_t got = 0;

    while (got < len) {
        ssize_t count = pread(fd, (char *)data + got, len - got, at + (off_t)got);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        got += (size_t)count;
    }
    return (ssize_t)got;
}

void fs_v1_segment_name(char name[static FS_V1_NAME_MAX], uint64_t number)
{
    snprintf(name, FS_V1_NAME_MAX, "journal-%08" PRIu64 ".log", number);
}

void fs_v1_snapshot_name(char name[static FS_V1_NAME_MAX], uint64_t number)
{
    snprintf(name, FS_V1_NAME_MAX, "snapshot-%08" PRIu64 ".snap", number);
}

static void log_busy(const struct fs_host *host, const char *path, int lock_fd)
{
    char pid[16];
    ssize_t len = fs_v1_folder_read(lock_fd, pid, sizeof(pid) - 1, 0);

    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    host->log(host, FS_LOG_ERROR,
              "v1: %s is in use by process %s: its units live in one process, run only one", path,
              pid[0] ? pid : "(unknown)");
}

static int lock(struct fs_v1_folder *folder, const char *path)
{
    char pid[16];
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

    folder->lock_fd = openat(folder->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock_fd < 0)
        return -errno;
    /* The folder itself is locked, too: the file may be deleted under a process that holds it. */
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) != 0 ||
        flock(folder->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return -errno;
        log_busy(folder->host, path, folder->lock_fd);
        return -EBUSY;
    }
    if (ftruncate(folder->lock_fd, 0) != 0 || pwrite(folder->lock_fd, pid, (size_t)len, 0) != len)
        return -EIO;
    return 0;
}

/* A folder exists after a power failure once the folder it is in was synced. */
static int make(const struct fs_v1_folder *folder)
{
    struct fs_v1_birth birth;
    int error;

    if (faccessat(folder->data_fd, "v1", F_OK, 0) == 0)
        return 0;
    error = fs_v1_birth_read(folder->host, folder->data_fd, &birth);
    if (error)
        return error;
    if (birth.segment > 0) {
        folder->host->log(folder->host, FS_LOG_ERROR,
                          "v1: the journal's folder is gone, and held the records up to %" PRIu64
                          ": restore it from a copy; or, to begin without the orders in it, remove "
                          "%s from the data folder",
                          birth.position, FS_V1_BIRTH_NAME);
        return -EBADMSG;
    }
    if (mkdirat(folder->data_fd, "v1", 0700) != 0)
        return -errno;
    return fsync(folder->data_fd) != 0 ? -errno : 0;
}

static int open_parts(struct fs_v1_folder *folder, const char *data_dir, const char *path)
{
    int error;

    folder->data_fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->data_fd < 0)
        return -errno;
    error = make(folder);
    if (error)
        return error;
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder->fd < 0 ? -errno : lock(folder, path);
}

int fs_v1_folder_open(struct fs_v1_folder *folder, const struct fs_host *host,
                      struct fs_v1_files *files, const char *data_dir)
{
    char path[FS_V1_PATH_MAX];
    int error;

    *folder =
        (struct fs_v1_folder){.host = host, .files = files, .data_fd = -1, .fd = -1, .lock_fd = -1};
    if (!data_dir || snprintf(path, sizeof(path), "%s/v1", data_dir) >= (int)sizeof(path)) {
        host->log(host, FS_LOG_ERROR, "v1: the data folder is missing or its path too long");
        return -EINVAL;
    }
    error = open_parts(folder, data_dir, path);
    if (!error)
        return 0;
    if (error != -EBUSY && error != -EBADMSG)
        host->log(host, FS_LOG_ERROR, "v1: cannot use %s: %s", path, strerror(-error));
    fs_v1_folder_close(folder);
    return error;
}

void fs_v1_folder_close(struct fs_v1_folder *folder)
{
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    if (folder->fd >= 0)
        close(folder->fd);
    if (folder->data_fd >= 0)
        close(folder->data_fd);
    folder->lock_fd = folder->fd = folder->data_fd = -1;
}

int fs_v1_folder_refuse(const struct fs_host *host, const char *data_dir)
{
    struct fs_v1_folder folder = {.host = host, .lock_fd = -1};
    struct fs_v1_listing listing = {0};
    struct fs_v1_birth birth = {0};
    int error = 0;

    folder.data_fd = data_dir ? open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder.data_fd < 0)
        return 0; /* nothing was ever kept there */
    folder.fd = openat(folder.data_fd, "v1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = fs_v1_birth_read(host, folder.data_fd, &birth);
    if (!error && folder.fd >= 0)
        error = fs_v1_folder_list(&folder, &listing);
    fs_v1_folder_close(&folder);
    if (error || (birth.segment == 0 && listing.segment_last == 0 && listing.snapshot == 0))
        return error;
    host->log(
        host, FS_LOG_ERROR,
        "v1: the data folder holds a journal, whose orders the option durability: memory would "
        "ignore and sell again: use durability: journal, or another data_dir");
    return -EEXIST;
}

/* The number between prefix and suffix; 0: this is no such name. */
static uint64_t number_in(const char *name, const char *prefix, const char *suffix)
{
    char *end;
    uint64_t number;

    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return 0;
    name += strlen(prefix);
    if (*name < '0' || *name > '9')
        return 0;
    number = strtoull(name, &end, 10);
    return strcmp(end, suffix) == 0 ? number : 0;
}

/* A name that is written otherwise than ours, such as journal-1.log, is somebody else's file. */
static uint64_t segment_number(const char *name)
{
    uint64_t number = number_in(name, "journal-", ".log");
    char ours[FS_V1_NAME_MAX];

    fs_v1_segment_name(ours, number);
    return strcmp(name, ours) == 0 ? number : 0;
}

static uint64_t snapshot_number(const char *name)
{
    uint64_t number = number_in(name, "snapshot-", ".snap");
    char ours[FS_V1_NAME_MAX];

    fs_v1_snapshot_name(ours, number);
    return strcmp(name, ours) == 0 ? number : 0;
}

static int each_name(const struct fs_v1_folder *folder,
                     void (*each)(const struct fs_v1_folder *, void *, const char *), void *data)
{
    struct dirent *entry;
    DIR *entries;
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    entries = fdopendir(fd);
    if (!entries) {
        int error = -errno;

        close(fd);
        return error;
    }
    while ((errno = 0, entry = readdir(entries)) != NULL)
        each(folder, data, entry->d_name);
    fd = errno;
    closedir(entries);
    return -fd;
}

static void find_snapshot(const struct fs_v1_folder *folder, void *data, const char *name)
{
    struct fs_v1_listing *listing = data;
    uint64_t number = snapshot_number(name);

    (void)folder;
    if (number > listing->snapshot)
        listing->snapshot = number;
}

static void find_segments(const struct fs_v1_folder *folder, void *data, const char *name)
{
    struct fs_v1_listing *listing = data;
    uint64_t number = segment_number(name);

    (void)folder;
    if (number <= listing->snapshot)
        return;
    if (listing->segment_first == 0 || number < listing->segment_first)
        listing->segment_first = number;
    if (number > listing->segment_last)
        listing->segment_last = number;
}

int fs_v1_folder_list(const struct fs_v1_folder *folder, struct fs_v1_listing *listing)
{
    int error;

    *listing = (struct fs_v1_listing){0};
    error = each_name(folder, find_snapshot, listing);
    if (!error)
        error = each_name(folder, find_segments, listing);
    if (error)
        folder->host->log(folder->host, FS_LOG_ERROR, "v1: cannot list the journal's folder: %s",
                          strerror(-error));
    return error;
}

static void sweep(const struct fs_v1_folder *folder, void *data, const char *name)
{
    const uint64_t *snapshot = data;
    uint64_t number = segment_number(name);
    bool is_old = number > 0 && number <= *snapshot;

    number = snapshot_number(name);
    is_old = is_old || (number > 0 && number < *snapshot) || strcmp(name, FS_V1_SNAPSHOT_TMP) == 0;
    if (is_old && folder->files->unlink(folder->files, folder->fd, name) != 0)
        folder->host->log(folder->host, FS_LOG_WARNING, "v1: cannot delete %s: %s", name,
                          strerror(errno));
}

void fs_v1_folder_sweep(const struct fs_v1_folder *folder, uint64_t snapshot)
{
    int error = each_name(folder, sweep, &snapshot);

    if (error)
        folder->host->log(folder->host, FS_LOG_WARNING, "v1: cannot list the journal's folder: %s",
                          strerror(-error));
}
