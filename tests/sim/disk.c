/* A disk that can fail: the system's calls by which v1 changes files, in front of real files in memory.
 *
 * What was written is on the disk when a sync of its file has returned.  A loss of power keeps, loses or
 * tears each write since then by itself; a killed process loses nothing.  Names of files are kept as
 * they are: that a rename may be lost before its folder is synced is for tests/torture/v1. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/history.h"
#include "sim/world.h"

#define PUBLIC __attribute__((visibility("default")))

/* What was there before a write that is not synced. */
struct undo {
    struct undo *next; /* older */
    ino_t inode;
    off_t at, size; /* of the file */
    size_t len, before_len;
    int fd; /* a copy of the writer's */
    char before[];
};

static struct {
    struct sim_world *world;
    struct undo *undos;
    uint64_t call_count;
    int fd_first; /* of the server's; all above are its */
} disk;           /* libc's names have no other way to find it */

static ssize_t real_pwrite(int fd, const void *data, size_t len, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);

    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "pwrite");
    return real(fd, data, len, at);
}

static void forget(ino_t inode, bool all)
{
    struct undo **at = &disk.undos;

    while (*at) {
        struct undo *undo = *at;

        if (!all && undo->inode != inode) {
            at = &undo->next;
            continue;
        }
        *at = undo->next;
        close(undo->fd);
        free(undo);
    }
}

void sim_disk_begin(struct sim_world *world)
{
    forget(0, true);
    disk.world = world;
    disk.call_count = 0;
    disk.fd_first = dup(STDERR_FILENO);
    if (disk.fd_first >= 0)
        close(disk.fd_first);
}

static void note(int fd, size_t len, off_t at)
{
    struct undo *undo = calloc(1, sizeof(*undo) + len);
    struct stat status;
    ssize_t got;

    if (!undo || fstat(fd, &status) != 0)
        abort();
    got = pread(fd, undo->before, len, at);
    undo->before_len = got > 0 ? (size_t)got : 0;
    undo->inode = status.st_ino;
    undo->size = status.st_size;
    undo->at = at;
    undo->len = len;
    undo->fd = dup(fd);
    undo->next = disk.undos;
    disk.undos = undo;
}

/* Newest first, so that what is left of an older write is what it wrote. */
static void tear(struct sim_world *world)
{
    for (struct undo *undo = disk.undos; undo; undo = undo->next) {
        uint64_t fate = fs_random_below(&world->random, 3);
        size_t kept = fate == 0 ? 0 : fs_random_below(&world->random, undo->len + 1);

        if (fate == 1)
            continue; /* it is all there */
        if (undo->before_len > kept)
            real_pwrite(undo->fd, undo->before + kept, undo->before_len - kept,
                        undo->at + (off_t)kept);
        if (undo->size < undo->at + (off_t)undo->len &&
            ftruncate(undo->fd, undo->size > undo->at + (off_t)kept ? undo->size
                                                                    : undo->at + (off_t)kept) != 0)
            abort();
    }
}

void sim_disk_lose_power(struct sim_world *world)
{
    tear(world);
    forget(0, true);
}

void sim_disk_close_all(struct sim_world *world)
{
    (void)world;
    forget(0, true); /* the system goes on and writes what a killed process has left */
    close_range((unsigned)disk.fd_first, ~0u, 0);
}

/* By its name in libc, which <unistd.h> may have replaced by that of a large file's. */
PUBLIC ssize_t simulated_pwrite(int fd, const void *data, size_t len, off_t at) __asm__("pwrite");

ssize_t simulated_pwrite(int fd, const void *data, size_t len, off_t at)
{
    struct sim_world *world = disk.world;

    if (!world)
        return real_pwrite(fd, data, len, at);
    if (sim_strikes(world, SIM_FAULT_DISK_ERROR, disk.call_count++)) {
        errno = disk.call_count % 2 ? ENOSPC : EIO;
        return -1;
    }
    if (len > 1 && sim_strikes(world, SIM_FAULT_DISK_SHORT, disk.call_count))
        len = 1 + sim_draw(world, 106, disk.call_count) % (len - 1);
    note(fd, len, at);
    return real_pwrite(fd, data, len, at);
}

static int sync_file(int fd)
{
    struct sim_world *world = disk.world;
    struct stat status;

    if (!world || fstat(fd, &status) != 0)
        return 0;
    sim_thread_sleep(sim_between(&world->random, 50, 3000));
    if (sim_strikes(world, SIM_FAULT_DISK_ERROR, disk.call_count++)) {
        tear(
            world); /* nobody knows what is on the disk now, and the next sync says that all is well */
        forget(0, true);
        errno = EIO;
        return -1;
    }
    forget(status.st_ino, false);
    return 0;
}

PUBLIC int fsync(int fd)
{
    return sync_file(fd);
}

PUBLIC int fdatasync(int fd)
{
    return sync_file(fd);
}

/* The folder of one run. */
void sim_disk_make(struct sim_world *world)
{
    struct stat status;
    const char *parent = stat("/dev/shm", &status) == 0 ? "/dev/shm" : "/tmp";

    snprintf(world->data_dir, sizeof(world->data_dir), "%s/sim-%ld", parent, (long)getpid());
    if (mkdir(world->data_dir, 0700) != 0 && errno != EEXIST)
        abort();
}

static void empty(const char *path)
{
    DIR *entries = opendir(path);
    struct dirent *entry;

    while (entries && (entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(entries), entry->d_name, 0) != 0)
            (void)unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR);
    if (entries)
        closedir(entries);
}

void sim_disk_remove(struct sim_world *world)
{
    char path[sizeof(world->data_dir) + 4];

    snprintf(path, sizeof(path), "%s/v1", world->data_dir);
    empty(path);
    empty(world->data_dir);
    (void)rmdir(world->data_dir);
}
