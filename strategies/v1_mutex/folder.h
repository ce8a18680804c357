/* The strategy's folder, <data_dir>/v1, and every operation that changes it.
 *
 *     lock                   held by flock(2) while the strategy is open; names the pid
 *     journal-<n>.log        the records, in files numbered from 1
 *     snapshot-<n>.snap      the state after journal-<n>.log; what it covers is then deleted
 *     journal.tmp            a segment being made: it gets its name once its header is on disk
 *     snapshot.tmp           a snapshot being written
 *
 * So a segment or a snapshot without a valid header is damaged, however it looks, and only the two
 * temporary files are ever removed unread.  What must be there says <data_dir>/v1.born (birth.h).
 *
 * The operations go through a table, so that tests can make the nth one fail or end the process in
 * front of it. */
#ifndef FS_V1_FOLDER_H
#define FS_V1_FOLDER_H

#include <sys/types.h>

#include <flashsale/strategy.h>

#define FS_V1_NAME_MAX 64u
#define FS_V1_SNAPSHOT_TMP "snapshot.tmp"
#define FS_V1_SEGMENT_TMP "journal.tmp"

/* Each behaves as the system call of its name, with errno.  Called from one thread at a time each by
 * journal and compaction, so by two at once. */
struct fs_v1_files {
    ssize_t (*write)(struct fs_v1_files *files, int fd, const void *data, size_t len, off_t at);
    int (*sync)(struct fs_v1_files *files, int fd, bool data_only); /* fsync(2) or fdatasync(2) */
    int (*create)(struct fs_v1_files *files, int folder, const char *name);
    int (*truncate)(struct fs_v1_files *files, int fd, off_t size);
    int (*rename)(struct fs_v1_files *files, int folder, const char *from, const char *to);
    int (*unlink)(struct fs_v1_files *files, int folder, const char *name);
};

/* The system's. */
void fs_v1_files_init(struct fs_v1_files *files);

struct fs_v1_folder {
    const struct fs_host *host; /* borrowed */
    struct fs_v1_files *files;  /* borrowed */
    int data_fd;                /* owned: the data folder; -1: none */
    int fd;                     /* owned; -1: none */
    int lock_fd;                /* owned; -1: none */
};

/* What the folder holds. */
struct fs_v1_listing {
    uint64_t snapshot;      /* the newest; 0: none */
    uint64_t segment_first; /* of those behind the snapshot; 0: none */
    uint64_t segment_last;
};

/* Makes the folder, private, where it was never written, and locks it.  Returns 0, -EBUSY when another
 * process (or another server in this one) has it, -EBADMSG when it must be there and is not, or what
 * the system said; logged.  [main] */
int fs_v1_folder_open(struct fs_v1_folder *folder, const struct fs_host *host,
                      struct fs_v1_files *files, const char *data_dir);
void fs_v1_folder_close(struct fs_v1_folder *folder);

/* Refuses a mode that would not read the journal: -EEXIST, logged, where data_dir holds one.  [main] */
int fs_v1_folder_refuse(const struct fs_host *host, const char *data_dir);

void fs_v1_segment_name(char name[static FS_V1_NAME_MAX], uint64_t number);
void fs_v1_snapshot_name(char name[static FS_V1_NAME_MAX], uint64_t number);

/* Returns 0 or a negative errno, logged. */
int fs_v1_folder_list(const struct fs_v1_folder *folder, struct fs_v1_listing *listing);

/* Deletes what the snapshot with this number covers, older ones, and half-written ones.  A file that
 * cannot be deleted is named in the log and stays. */
void fs_v1_folder_sweep(const struct fs_v1_folder *folder, uint64_t snapshot);

/* Whole or not at all: short writes go on, anything else ends the process. */
void fs_v1_folder_write(const struct fs_v1_folder *folder, const char *name, int fd,
                        const void *data, size_t len, off_t at);
void fs_v1_folder_sync(const struct fs_v1_folder *folder, const char *name, int fd);
void fs_v1_folder_sync_data(const struct fs_v1_folder *folder, const char *name, int fd);

/* Reads len bytes or to the end of the file.  Returns how many, or a negative errno. */
ssize_t fs_v1_folder_read(int fd, void *data, size_t len, off_t at);

/* Logs and ends the process: after a failed write or sync nobody knows what the disk holds, and the
 * kernel may say of the next sync that all is well. */
_Noreturn void fs_v1_folder_fail(const struct fs_v1_folder *folder, const char *what,
                                 const char *name, int error);

#endif
