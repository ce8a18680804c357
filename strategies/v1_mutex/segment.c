/* Reading and making files of the journal: see segment.h for what the reader concludes. */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index.h"
#include "limits.h"

/* The file in pieces. */
struct reader {
    int fd;
    char *buffer; /* owned: FS_V1_READ_SIZE */
    off_t from;   /* what the buffer holds */
    size_t len;
};

/* The 256 bytes at this offset, zeros where the file ends; NULL: *error says why. */
static struct fs_v1_record *slot_at(struct reader *reader, off_t at, int *error)
{
    if (at < reader->from || at >= reader->from + FS_V1_READ_SIZE || reader->len == 0) {
        ssize_t got = fs_v1_folder_read(reader->fd, reader->buffer, FS_V1_READ_SIZE, at);

        if (got < 0) {
            *error = (int)got;
            return NULL;
        }
        memset(reader->buffer + got, 0, FS_V1_READ_SIZE - (size_t)got);
        reader->from = at;
        reader->len = FS_V1_READ_SIZE;
    }
    return (struct fs_v1_record *)(void *)(reader->buffer + (at - reader->from));
}

static bool is_zero(const struct fs_v1_record *record)
{
    static const char zeros[FS_V1_RECORD_SIZE];
    const char *bytes = (const void *)record; /* all of them, also between members */

    return memcmp(bytes, zeros, sizeof(zeros)) == 0;
}

static const char *check_header(const struct fs_v1_record *header, uint64_t number,
                                uint64_t position_first)
{
    if (header->type != FS_V1_RECORD_HEADER)
        return "it does not begin with a header";
    if (header->units != FS_V1_RECORD_VERSION)
        return "it is of another version of the format";
    if (header->sequence != number)
        return "its header is that of another file";
    if (header->position != position_first)
        return "its first record does not follow the file before";
    return NULL;
}

/* What stands behind the last good record. */
static int judge_tail(struct reader *reader, uint64_t position_bad, struct fs_v1_scan *scan)
{
    bool is_clean = scan->size % FS_V1_RECORD_SIZE == 0 || scan->end >= scan->size;
    bool is_later = false;
    int error = 0;

    for (off_t at = scan->end; at < scan->size; at += FS_V1_RECORD_SIZE) {
        struct fs_v1_record *record = slot_at(reader, at, &error);

        if (!record)
            return error;
        if (is_zero(record))
            continue;
        is_clean = false;
        if (!fs_v1_record_unseal(record))
            continue;
        scan->valid_lost++;
        is_later = is_later || record->batch_first > position_bad;
    }
    if (is_clean)
        scan->tail = FS_V1_TAIL_CLEAN;
    else if (scan->valid_lost == 0)
        scan->tail = FS_V1_TAIL_TORN;
    else
        scan->tail = is_later || !scan->has_header ? FS_V1_TAIL_DAMAGED : FS_V1_TAIL_LAST_BATCH;
    return 0;
}

/* A good record in a wrong place was not left there by a torn write. */
static const char *check_place(const struct fs_v1_record *record, uint64_t position,
                               uint64_t *batch_first)
{
    if (record->position != position)
        return "the record there belongs to another place";
    if (record->batch_first != position && record->batch_first != *batch_first)
        return "the record there belongs to another batch";
    *batch_first = record->batch_first;
    return NULL;
}

static int scan_records(struct reader *reader, uint64_t number, uint64_t position_first,
                        fs_v1_record_visit *visit, void *data, struct fs_v1_scan *scan)
{
    uint64_t position = position_first;
    uint64_t batch_first = 0;
    int error = 0;

    while (scan->end < scan->size) {
        struct fs_v1_record *record = slot_at(reader, scan->end, &error);

        if (!record)
            return error;
        if (!fs_v1_record_unseal(record))
            break;
        if (scan->end == 0) {
            scan->problem = check_header(record, number, position_first);
            scan->has_header = true;
        } else {
            scan->problem = check_place(record, position, &batch_first);
            if (!scan->problem)
                scan->problem = visit(data, record);
            position++;
        }
        if (scan->problem) {
            scan->tail = FS_V1_TAIL_DAMAGED;
            return 0;
        }
        scan->records = position - position_first;
        scan->end += FS_V1_RECORD_SIZE;
    }
    reader->len = 0; /* what was unsealed is read again */
    return judge_tail(reader, position, scan);
}

int fs_v1_segment_scan(int fd, uint64_t number, uint64_t position_first, fs_v1_record_visit *visit,
                       void *data, struct fs_v1_scan *scan)
{
    struct reader reader = {.fd = fd};
    struct stat status;
    int error;

    *scan = (struct fs_v1_scan){0};
    if (fstat(fd, &status) != 0)
        return -errno;
    scan->size = status.st_size;
    reader.buffer = fs_v1_reserve(FS_V1_READ_SIZE);
    if (!reader.buffer)
        return -ENOMEM;
    error = scan_records(&reader, number, position_first, visit, data, scan);
    fs_v1_release(reader.buffer, FS_V1_READ_SIZE);
    return error;
}

int fs_v1_segment_open(const struct fs_v1_folder *folder, uint64_t number)
{
    char name[FS_V1_NAME_MAX];
    int fd;

    fs_v1_segment_name(name, number);
    fd = openat(folder->fd, name, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int fs_v1_segment_first(const struct fs_v1_folder *folder, uint64_t number,
                        uint64_t *position_first)
{
    struct fs_v1_record header = {0};
    ssize_t got;
    int fd = fs_v1_segment_open(folder, number);

    if (fd < 0)
        return fd;
    got = fs_v1_folder_read(fd, &header, sizeof(header), 0);
    close(fd);
    if (got < 0)
        return (int)got;
    if (got != (ssize_t)sizeof(header) || !fs_v1_record_unseal(&header) ||
        check_header(&header, number, header.position))
        return -EBADMSG;
    *position_first = header.position;
    return 0;
}

int fs_v1_segment_create(const struct fs_v1_folder *folder, uint64_t number,
                         uint64_t position_first)
{
    static const char title[] = "flashsale v1 journal";
    struct fs_v1_record header = {
        .position = position_first,
        .batch_first = position_first,
        .sequence = number,
        .units = FS_V1_RECORD_VERSION,
        .type = FS_V1_RECORD_HEADER,
    };
    struct fs_v1_files *files = folder->files;
    char name[FS_V1_NAME_MAX];
    int fd;

    memcpy(header.product, title, sizeof(title));
    fs_v1_record_seal(&header);
    fs_v1_segment_name(name, number);
    if (files->unlink(files, folder->fd, FS_V1_SEGMENT_TMP) != 0 && errno != ENOENT)
        fs_v1_folder_fail(folder, "the removal", FS_V1_SEGMENT_TMP, errno);
    fd = files->create(files, folder->fd, FS_V1_SEGMENT_TMP);
    if (fd < 0)
        fs_v1_folder_fail(folder, "the creation", name, errno);
    fs_v1_folder_write(folder, name, fd, &header, sizeof(header), 0);
    fs_v1_folder_sync(folder, name, fd);
    if (files->rename(files, folder->fd, FS_V1_SEGMENT_TMP, name) != 0)
        fs_v1_folder_fail(folder, "the renaming", name, errno);
    fs_v1_folder_sync(folder, "the journal's folder", folder->fd);
    return fd;
}
