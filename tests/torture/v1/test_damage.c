/* Damaged journals: every truncation of the last records, a thousand bit flips, torn batches.  What
 * comes up is an exact prefix that holds what was acknowledged, or nothing comes up. */
#include "tiny_host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "birth.h"
#include "limits.h"
#include "snapshot.h"
#include "support/suite.h"

#define RECORDS 40u
#define SEGMENT "journal-00000001.log"

/* A journal of RECORDS records, each a batch of its own, and the state after each of them. */
struct journal_image {
    char dir[128];
    char *states[RECORDS + 1]; /* owned: what the ledger held after so many records */
    unsigned char *bytes;      /* owned: the file */
    size_t size;
    char work[128]; /* where damaged copies are tried */
};

static void path_of(char path[static 256], const char *dir, const char *name)
{
    snprintf(path, 256, "%s/v1/%s", dir, name);
}

static unsigned char *read_all(const char *path, size_t *size)
{
    struct stat status;
    unsigned char *bytes;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &status) != 0)
        abort();
    *size = (size_t)status.st_size;
    bytes = malloc(*size + 1);
    if (!bytes || read(fd, bytes, *size) != status.st_size)
        abort();
    close(fd);
    return bytes;
}

static void write_all(const char *path, const unsigned char *bytes, size_t size)
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

    snprintf(order, sizeof(order), "order%u", i);
    if (i == 0) {
        fs_tiny_create(op, "1", 1000);
    } else if (i % 10 == 9) {
        change.units_add = 3;
        fs_tiny_change(op, &change);
    } else if (i % 10 == 5) {
        snprintf(order, sizeof(order), "order%u", i - 1);
        fs_tiny_cancel(op, "1", "ann", order);
    } else {
        fs_tiny_buy(op, "1", "ann", order, 1 + i % 3);
    }
}

static void image_make(struct journal_image *image)
{
    struct fs_tiny_host host;
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;
    char path[256];

    memset(image, 0, sizeof(*image));
    fs_tiny_host_init(&host);
    fs_tiny_dir_create(image->dir);
    fs_tiny_dir_create(image->work);
    if (fs_tiny_open_quick(&host, image->dir, "segment_size=64KiB", &v1) != 0)
        abort();
    fs_tiny_loop_init(&loop, &host, v1);
    fs_tiny_op_init(&op, &loop);
    image->states[0] = fs_tiny_dump(&v1->ledger);
    for (unsigned i = 0; i < RECORDS; i++) {
        make_record(&op, i);
        if (fs_v1_journal_durable(&v1->journal) != i + 1)
            abort();
        image->states[i + 1] = fs_tiny_dump(&v1->ledger);
    }
    fs_tiny_loop_dispose(&loop);
    fs_v1_close(v1);
    path_of(path, image->dir, SEGMENT);
    image->bytes = read_all(path, &image->size);
    snprintf(path, sizeof(path), "%s/v1", image->work);
    mkdir(path, 0700);
    fs_tiny_host_dispose(&host);
}

static void image_dispose(struct journal_image *image)
{
    for (unsigned i = 0; i <= RECORDS; i++)
        free(image->states[i]);
    free(image->bytes);
    fs_tiny_dir_destroy(image->dir);
    fs_tiny_dir_destroy(image->work);
}

/* How many records come up from these bytes; -1: refused, with the log in host. */
static int records_after(struct journal_image *image, const unsigned char *bytes, size_t size,
                         const char *options, struct fs_tiny_host *host)
{
    struct fs_v1 *v1;
    char path[256], *state;
    int records = -2;

    path_of(path, image->work, SEGMENT);
    write_all(path, bytes, size);
    snprintf(path, sizeof(path), "%s/" FS_V1_BIRTH_NAME, image->work);
    unlink(path); /* it would miss what this image does not have */
    host->errors[0] = '\0';
    if (fs_tiny_open_quick(host, image->work, options, &v1) != 0)
        return -1;
    state = fs_tiny_dump(&v1->ledger);
    for (unsigned i = 0; i <= RECORDS; i++)
        if (strcmp(state, image->states[i]) == 0)
            records = (int)i;
    free(state);
    fs_v1_close(v1);
    return records;
}

static void a_truncation_at_every_byte_of_the_last_records_leaves_an_exact_prefix(void)
{
    struct journal_image image;
    struct fs_tiny_host host;
    size_t end = (size_t)(RECORDS + 1) * FS_V1_RECORD_SIZE;

    image_make(&image);
    fs_tiny_host_init(&host);
    for (size_t size = end - 4 * (size_t)FS_V1_RECORD_SIZE; size <= end; size++) {
        int records = records_after(&image, image.bytes, size, "segment_size=64KiB", &host);
        size_t whole = size / FS_V1_RECORD_SIZE - 1;

        /* Zeros at the end of a record are as good as written, where the file is cut in them. */
        if ((size_t)records != whole && !((size_t)records == whole + 1 && whole < RECORDS))
            FS_CHECK_INT(records, whole);
    }
    FS_CHECK_INT(records_after(&image, image.bytes, end, "segment_size=64KiB", &host), RECORDS);
    fs_tiny_host_dispose(&host);
    image_dispose(&image);
}

static void a_cut_journal_goes_on_and_comes_up_again(void)
{
    struct journal_image image;
    struct fs_tiny_host host;
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;
    char *before, *after;

    image_make(&image);
    fs_tiny_host_init(&host);
    for (size_t cut = 1; cut < 4 * (size_t)FS_V1_RECORD_SIZE; cut += 97) {
        size_t size = (size_t)(RECORDS + 1) * FS_V1_RECORD_SIZE - cut;

        FS_CHECK(records_after(&image, image.bytes, size, "segment_size=64KiB", &host) >= 0);
        FS_REQUIRE(fs_tiny_open_quick(&host, image.work, "segment_size=64KiB", &v1) == 0);
        fs_tiny_loop_init(&loop, &host, v1);
        fs_tiny_op_init(&op, &loop);
        FS_CHECK_INT(fs_tiny_buy(&op, "1", "zoe", "afterwards", 1), FS_DONE);
        before = fs_tiny_dump(&v1->ledger);
        fs_tiny_loop_dispose(&loop);
        fs_v1_close(v1);
        FS_REQUIRE(fs_tiny_open_quick(&host, image.work, "segment_size=64KiB", &v1) == 0);
        after = fs_tiny_dump(&v1->ledger);
        FS_CHECK(strcmp(before, after) == 0);
        free(before);
        free(after);
        fs_v1_close(v1);
    }
    fs_tiny_host_dispose(&host);
    image_dispose(&image);
}

static void a_thousand_bit_flips_lose_at_most_the_last_record_or_are_refused(void)
{
    struct journal_image image;
    struct fs_tiny_host host;
    uint64_t random = fs_tiny_seed();
    unsigned refused = 0, cut = 0, untouched = 0;

    image_make(&image);
    fs_tiny_host_init(&host);
    for (unsigned i = 0; i < 1000; i++) {
        /* every tenth in the zeros behind the records, every fifth in the last record */
        size_t from = i % 10 == 0 ? RECORDS + 1 : i % 5 == 1 ? RECORDS : 0;
        size_t count = i % 10 == 0  ? image.size / FS_V1_RECORD_SIZE - RECORDS - 1
                       : i % 5 == 1 ? 1
                                    : RECORDS + 1;
        size_t at =
            from * FS_V1_RECORD_SIZE + fs_tiny_random(&random) % (count * FS_V1_RECORD_SIZE);
        unsigned char bit = (unsigned char)(1u << fs_tiny_random(&random) % 8);
        int records;

        image.bytes[at] ^= bit;
        records = records_after(&image, image.bytes, image.size, "segment_size=64KiB", &host);
        image.bytes[at] ^= bit;
        if (at / FS_V1_RECORD_SIZE < RECORDS) {
            FS_CHECK_INT(records, -1);
            FS_CHECK_CONTAINS(host.errors, SEGMENT " is damaged at offset");
            refused++;
        } else if (at / FS_V1_RECORD_SIZE == RECORDS) {
            FS_CHECK_INT(records, RECORDS - 1);
            cut++;
        } else {
            FS_CHECK_INT(records, RECORDS);
            untouched++;
        }
    }
    printf("%u refused, %u cut, %u without effect ", refused, cut, untouched);
    FS_CHECK(refused > 0 && cut > 0 && untouched > 0);
    fs_tiny_host_dispose(&host);
    image_dispose(&image);
}

/* Makes one batch of the records from this position on. */
static void join_batch(struct journal_image *image, uint64_t first)
{
    for (uint64_t position = first; position <= RECORDS; position++) {
        unsigned char *at = image->bytes + position * FS_V1_RECORD_SIZE;
        struct fs_v1_record record;

        memcpy(&record, at, sizeof(record));
        if (!fs_v1_record_unseal(&record))
            abort();
        record.batch_first = first;
        fs_v1_record_seal(&record);
        memcpy(at, &record, sizeof(record));
    }
}

static void a_bad_record_inside_the_last_batch_is_refused_until_the_operator_decides(void)
{
    struct journal_image image;
    struct fs_tiny_host host;

    image_make(&image);
    fs_tiny_host_init(&host);
    join_batch(&image, RECORDS - 7);
    FS_CHECK_INT(records_after(&image, image.bytes, image.size, "", &host), RECORDS);
    for (unsigned position = RECORDS - 7; position < RECORDS; position++) {
        unsigned char *at = image.bytes + (size_t)position * FS_V1_RECORD_SIZE;
        unsigned char saved[FS_V1_RECORD_SIZE];

        memcpy(saved, at, sizeof(saved));
        memset(at, 0, sizeof(saved)); /* a sector that never reached the disk */
        FS_CHECK_INT(records_after(&image, image.bytes, image.size, "", &host), -1);
        FS_CHECK_CONTAINS(host.errors, "repair: cut-last-batch");
        FS_CHECK_INT(records_after(&image, image.bytes, image.size, "repair=cut-last-batch", &host),
                     position - 1);
        memcpy(at, saved, sizeof(saved));
    }
    fs_tiny_host_dispose(&host);
    image_dispose(&image);
}

static void repair_never_cuts_in_front_of_the_last_batch(void)
{
    struct journal_image image;
    struct fs_tiny_host host;

    image_make(&image);
    fs_tiny_host_init(&host);
    join_batch(&image, RECORDS - 7);
    for (unsigned position = 0; position < RECORDS - 7; position++) {
        unsigned char *at = image.bytes + (size_t)position * FS_V1_RECORD_SIZE;

        at[100] ^= 4;
        FS_CHECK_INT(records_after(&image, image.bytes, image.size, "repair=cut-last-batch", &host),
                     -1);
        FS_CHECK_CONTAINS(host.errors, "is damaged at offset");
        at[100] ^= 4;
    }
    fs_tiny_host_dispose(&host);
    image_dispose(&image);
}

static void a_record_in_a_wrong_place_is_refused(void)
{
    struct journal_image image;
    struct fs_tiny_host host;
    unsigned char *last;

    image_make(&image);
    fs_tiny_host_init(&host);
    last = image.bytes + (size_t)RECORDS * FS_V1_RECORD_SIZE;
    memcpy(last, last - FS_V1_RECORD_SIZE, FS_V1_RECORD_SIZE); /* the one before, twice */
    FS_CHECK_INT(records_after(&image, image.bytes, image.size, "", &host), -1);
    FS_CHECK_CONTAINS(host.errors, "belongs to another place");
    fs_tiny_host_dispose(&host);
    image_dispose(&image);
}

/* A folder with a snapshot and segments behind it. */
static void make_folder(const char *dir, struct fs_tiny_host *host)
{
    struct fs_v1_listing listing = {0};
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;
    char order[16];

    if (fs_tiny_open_quick(host, dir, "segment_size=64KiB", &v1) != 0)
        abort();
    fs_tiny_loop_init(&loop, host, v1);
    fs_tiny_op_init(&op, &loop);
    fs_tiny_create(&op, "1", 100000);
    for (unsigned i = 0; i < 600; i++) {
        snprintf(order, sizeof(order), "order%u", i);
        fs_tiny_buy(&op, "1", "ann", order, 1);
    }
    for (unsigned i = 0; listing.snapshot < 2 && i < 5000; i++) {
        usleep(2000); /* folding has begun and takes a moment */
        fs_v1_folder_list(&v1->folder, &listing);
    }
    if (listing.snapshot != 2)
        abort();
    fs_tiny_loop_dispose(&loop);
    fs_v1_close(v1);
}

static void a_damaged_snapshot_is_refused_with_a_sentence(void)
{
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    uint64_t random = fs_tiny_seed();
    unsigned char *bytes;
    char dir[128], path[256];
    size_t size;

    fs_tiny_host_init(&host);
    fs_tiny_dir_create(dir);
    make_folder(dir, &host);
    path_of(path, dir, "snapshot-00000002.snap");
    bytes = read_all(path, &size);
    for (unsigned i = 0; i < 300; i++) {
        size_t at = fs_tiny_random(&random) % size;
        unsigned char bit = (unsigned char)(1u << fs_tiny_random(&random) % 8);

        bytes[at] ^= bit;
        write_all(path, bytes, size);
        bytes[at] ^= bit;
        host.errors[0] = '\0';
        FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), -EBADMSG);
        FS_CHECK_CONTAINS(host.errors, "snapshot-00000002.snap cannot be used");
    }
    for (unsigned i = 0; i < 100; i++) {
        write_all(path, bytes, fs_tiny_random(&random) % size);
        FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), -EBADMSG);
    }
    bytes[size] = 0;
    write_all(path, bytes, size + 1);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), -EBADMSG);
    write_all(path, bytes, size);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), 0);
    FS_CHECK_INT(v1->ledger.order_count, 600);
    fs_v1_close(v1);
    free(bytes);
    fs_tiny_dir_destroy(dir);
    fs_tiny_host_dispose(&host);
}

static void a_missing_segment_is_refused_with_its_name(void)
{
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    char dir[128], path[256], away[256];

    fs_tiny_host_init(&host);
    fs_tiny_dir_create(dir);
    make_folder(dir, &host);
    path_of(path, dir, "journal-00000003.log");
    path_of(away, dir, "away");
    FS_CHECK(rename(path, away) == 0);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(host.errors,
                      "journal-00000003.log, which belongs to the journal, is missing");
    FS_CHECK(rename(away, path) == 0);
    path_of(path, dir, "snapshot-00000002.snap");
    FS_CHECK(rename(path, away) == 0);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(host.errors, "cannot open journal-00000001.log");
    FS_CHECK(rename(away, path) == 0);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), 0);
    fs_v1_close(v1);
    fs_tiny_dir_destroy(dir);
    fs_tiny_host_dispose(&host);
}

static void a_journal_larger_than_the_tables_is_refused_by_name_of_the_option(void)
{
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    char dir[128];

    fs_tiny_host_init(&host);
    fs_tiny_dir_create(dir);
    make_folder(dir, &host);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "orders_max=550", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(host.errors, "orders_max: raise the option");
    host.errors[0] = '\0';
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "orders_max=100", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(host.errors, "orders_max or sales_max: raise the option");
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "orders_max=600", &v1), 0);
    fs_v1_close(v1);
    fs_tiny_dir_destroy(dir);
    fs_tiny_host_dispose(&host);
}

static void counters_that_differ_from_the_orders_are_refused(void)
{
    struct fs_v1_ledger ledger;
    struct fs_v1_files files;
    struct fs_v1_folder folder;
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    uint64_t position = 0;
    char dir[128];

    fs_tiny_host_init(&host);
    fs_tiny_dir_create(dir);
    make_folder(dir, &host);
    fs_v1_files_init(&files);
    FS_REQUIRE(fs_v1_ledger_init(&ledger, 1000, 10) == 0);
    FS_REQUIRE(fs_v1_folder_open(&folder, &host.host, &files, dir) == 0);
    FS_REQUIRE(fs_v1_snapshot_load(&folder, 2, &ledger, &position) == 0);
    FS_CHECK(fs_v1_ledger_check(&ledger) == NULL);
    ledger.buyers[0].units--; /* a bug that wrote a well-formed snapshot of a wrong state */
    FS_CHECK(fs_v1_ledger_check(&ledger) != NULL);
    FS_REQUIRE(fs_v1_snapshot_write(&folder, 2, &ledger, position) == 0);
    fs_v1_folder_close(&folder);
    fs_v1_ledger_dispose(&ledger);
    FS_CHECK_INT(fs_tiny_open_quick(&host, dir, "", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(host.errors, "a buyer's units differ from their orders");
    fs_tiny_dir_destroy(dir);
    fs_tiny_host_dispose(&host);
}

#define TESTS(T)                                                                \
    T(a_truncation_at_every_byte_of_the_last_records_leaves_an_exact_prefix)    \
    T(a_cut_journal_goes_on_and_comes_up_again)                                 \
    T(a_thousand_bit_flips_lose_at_most_the_last_record_or_are_refused)         \
    T(a_bad_record_inside_the_last_batch_is_refused_until_the_operator_decides) \
    T(repair_never_cuts_in_front_of_the_last_batch)                             \
    T(a_record_in_a_wrong_place_is_refused)                                     \
    T(a_damaged_snapshot_is_refused_with_a_sentence)                            \
    T(a_missing_segment_is_refused_with_its_name)                               \
    T(a_journal_larger_than_the_tables_is_refused_by_name_of_the_option)        \
    T(counters_that_differ_from_the_orders_are_refused)
FS_SUITE("v1/damage", TESTS)
