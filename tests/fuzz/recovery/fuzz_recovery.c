/* A valid v1 folder with edits by the input: the start refuses, or comes up with a ledger that is sound
 * and, where no checksum was repaired, an exact prefix of what was written.
 *
 * First byte: 1 edits the snapshot instead of the journal; 2 repairs the checksums behind the edits, so
 * that they reach the checks behind the checksum; 4 cuts the file at the next two bytes (little-endian).
 * Then edits of three bytes each: offset (two bytes, modulo the size) and value. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "birth.h"
#include "snapshot.h"
#include "tiny_host.h"

#define OPTIONS "segment_size=64KiB"
#define RECORDS 40u
#define FILE_SIZE_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EDIT_SNAPSHOT = 1, EDIT_REPAIRED = 2, EDIT_CUT = 4 };

struct image {
    char dir[128];
    const char *name;          /* of the file to edit, below dir */
    unsigned char *bytes;      /* owned */
    size_t size;               /* without the zeros written ahead */
    char *states[RECORDS + 1]; /* owned: the ledger after so many records */
};

static unsigned char *read_file(const char *path, size_t *size)
{
    unsigned char *bytes = malloc(FILE_SIZE_MAX);
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 || !bytes ? -1 : read(fd, bytes, FILE_SIZE_MAX);

    if (got <= 0)
        abort();
    close(fd);
    *size = (size_t)got;
    return bytes;
}

static void write_file(const char *path, const unsigned char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void make_record(struct fs_op *op, unsigned i)
{
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");
    char order[16];

    snprintf(order, sizeof(order), "order%u", i % 10 == 5 ? i - 1 : i);
    change.units_add = 3;
    if (i == 0)
        fs_tiny_create(op, "1", 1000);
    else if (i % 10 == 9)
        fs_tiny_change(op, &change);
    else if (i % 10 == 5)
        fs_tiny_cancel(op, "1", "ann", order);
    else
        fs_tiny_buy(op, "1", "ann", order, 1 + i % 3);
}

/* Opens, makes the records or none, and writes a snapshot where asked. */
static void fill(struct fs_tiny_host *host, struct image *image, bool has_snapshot)
{
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;

    if (fs_tiny_open_quick(host, image->dir, OPTIONS, &v1) != 0)
        abort();
    fs_tiny_loop_init(&loop, host, v1);
    fs_tiny_op_init(&op, &loop);
    image->states[0] = fs_tiny_dump(&v1->ledger);
    for (unsigned i = 0; i < RECORDS; i++) {
        make_record(&op, i);
        image->states[i + 1] = fs_tiny_dump(&v1->ledger);
    }
    if (has_snapshot)
        assert(fs_v1_snapshot_write(&v1->folder, 1, &v1->ledger, RECORDS) == 0);
    fs_tiny_loop_dispose(&loop);
    fs_v1_close(v1);
}

static void image_make(struct fs_tiny_host *host, struct image *image, bool is_snapshot)
{
    char path[256];

    fs_tiny_dir_create(image->dir);
    fill(host, image, is_snapshot);
    image->name = is_snapshot ? "v1/snapshot-00000001.snap" : "v1/journal-00000001.log";
    snprintf(path, sizeof(path), "%s/%s", image->dir, image->name);
    image->bytes = read_file(path, &image->size);
    if (!is_snapshot) /* header and records */
        image->size = (RECORDS + 1) * FS_V1_RECORD_SIZE;
}

static void repair_journal(unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at + FS_V1_RECORD_SIZE <= size; at += FS_V1_RECORD_SIZE) {
        uint32_t sum = fs_v1_crc32c(bytes + at + 8, FS_V1_RECORD_SIZE - 8);
        memcpy(bytes + at + 4, &sum, sizeof(sum));
    }
}

/* A row's checksum is its first field, and its size follows from its kind in the file as written. */
static void repair_snapshot(const struct image *image, unsigned char *bytes, size_t size)
{
    static const size_t sizes[] = {0, 128, 192, 144, 128};
    uint32_t kind, sum;

    for (size_t at = 0; at + 16 <= image->size && at < size; at += sizes[kind]) {
        memcpy(&kind, image->bytes + at + 8, sizeof(kind));
        assert(kind >= 1 && kind <= 4);
        if (at + sizes[kind] > size)
            return;
        sum = fs_v1_crc32c(bytes + at + 4, sizes[kind] - 4);
        memcpy(bytes + at, &sum, sizeof(sum));
    }
}

/* What came up is sound, and is one of the states that were. */
static void check_ledger(const struct image *image, struct fs_tiny_host *host, struct fs_v1 *v1,
                         bool is_exact)
{
    struct fs_loop loop;
    struct fs_op op;
    char *state = fs_tiny_dump(&v1->ledger);
    bool is_known = false;

    for (unsigned i = 0; i <= RECORDS; i++)
        is_known = is_known || strcmp(state, image->states[i]) == 0;
    assert(is_known || !is_exact);
    free(state);
    fs_tiny_loop_init(&loop, host, v1);
    fs_tiny_op_init(&op, &loop);
    if (fs_tiny_audit(&op, "1") == FS_DONE)
        assert(fs_tiny_is_sound(&op) && fs_tiny_term(&op, "units_left") >= 0);
    fs_tiny_loop_dispose(&loop);
}

static struct image *images(struct fs_tiny_host *host)
{
    static struct image both[2];

    if (!both[0].bytes)
        for (unsigned i = 0; i < 2; i++)
            image_make(host, &both[i], i == 1);
    return both;
}

/* The image's file as the input edits it; returns its size. */
static size_t edit(const struct image *image, unsigned char *bytes, const uint8_t *data,
                   size_t size)
{
    unsigned flags = size > 0 ? data[0] : 0;
    size_t end = image->size, at = 1;

    memcpy(bytes, image->bytes, image->size);
    if (flags & EDIT_CUT && size >= 3) {
        end = (size_t)(data[1] | data[2] << 8) % (end + 1);
        at = 3;
    }
    for (; at + 3 <= size && end > 0; at += 3)
        bytes[(size_t)(data[at] | data[at + 1] << 8) % end] = data[at + 2];
    if (flags & EDIT_REPAIRED && flags & EDIT_SNAPSHOT)
        repair_snapshot(image, bytes, end);
    else if (flags & EDIT_REPAIRED)
        repair_journal(bytes, end);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char bytes[FILE_SIZE_MAX];
    static char work[128];
    struct fs_tiny_host host;
    struct image *image;
    struct fs_v1 *v1;
    unsigned flags = size > 0 ? data[0] : 0;
    char path[256];

    fs_tiny_host_init(&host);
    image = &images(&host)[flags & EDIT_SNAPSHOT];
    if (!work[0])
        fs_tiny_dir_create(work);
    fs_tiny_dir_clear(work);
    fs_tiny_dir_copy(image->dir, work);
    snprintf(path, sizeof(path), "%s/%s", work, image->name);
    write_file(path, bytes, edit(image, bytes, data, size));
    snprintf(path, sizeof(path), "%s/" FS_V1_BIRTH_NAME, work);
    unlink(path); /* it would refuse every shorter journal unread */
    if (fs_tiny_open_quick(&host, work, OPTIONS, &v1) == 0) {
        check_ledger(image, &host, v1, !(flags & EDIT_REPAIRED));
        fs_v1_close(v1);
    } else {
        assert(host.errors[0]); /* refused with a reason */
    }
    fs_tiny_host_dispose(&host);
    return 0;
}
