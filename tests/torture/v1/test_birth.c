/* "Never written" is known and not inferred: whatever becomes of the files of a journal that was
 * written, a start refuses, says what to do, and changes nothing. */
#include "tiny_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "birth.h"
#include "support/suite.h"

#define ORDERS 600u /* three segments, the first two in a snapshot */
#define OPTIONS "segment_size=64KiB"

struct scene {
    struct fs_tiny_host host;
    char dir[128];
    int folder; /* owned: <dir>/v1 */
};

static void sell(struct scene *scene, unsigned orders, uint64_t snapshot)
{
    struct fs_v1_listing listing = {0};
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;
    char order[16];

    FS_REQUIRE(fs_tiny_open_quick(&scene->host, scene->dir, OPTIONS, &v1) == 0);
    fs_tiny_loop_init(&loop, &scene->host, v1);
    fs_tiny_op_init(&op, &loop);
    fs_tiny_create(&op, "1", 100000);
    for (unsigned i = 0; i < orders; i++) {
        snprintf(order, sizeof(order), "order%u", i);
        FS_CHECK_INT(fs_tiny_buy(&op, "1", "ann", order, 1), FS_DONE);
    }
    for (unsigned i = 0; listing.snapshot < snapshot && i < 5000; i++) {
        usleep(2000);
        fs_v1_folder_list(&v1->folder, &listing);
    }
    FS_CHECK_INT((int64_t)listing.snapshot, (int64_t)snapshot);
    fs_tiny_loop_dispose(&loop);
    fs_v1_close(v1);
}

static void begin(struct scene *scene, unsigned orders, uint64_t snapshot)
{
    char path[256];

    fs_tiny_host_init(&scene->host);
    fs_tiny_dir_create(scene->dir);
    sell(scene, orders, snapshot);
    snprintf(path, sizeof(path), "%s/v1", scene->dir);
    scene->folder = open(path, O_RDONLY | O_DIRECTORY);
    FS_REQUIRE(scene->folder >= 0);
}

static void end(struct scene *scene)
{
    close(scene->folder);
    fs_tiny_dir_destroy(scene->dir);
    fs_tiny_host_dispose(&scene->host);
}

/* The sizes of all files but the lock, which tell whether one was cut, removed or made. */
static uint64_t sum_of(int folder)
{
    uint64_t sum = 0;
    DIR *entries = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY));
    struct dirent *entry;

    if (!entries)
        abort();
    while ((entry = readdir(entries)) != NULL) {
        struct stat status;

        if (strcmp(entry->d_name, "lock") != 0 && entry->d_name[0] != '.' &&
            fstatat(folder, entry->d_name, &status, 0) == 0)
            sum = sum * 31 + (uint64_t)status.st_size + (uint64_t)strlen(entry->d_name);
    }
    closedir(entries);
    return sum;
}

static void check_refused(struct scene *scene, const char *options, const char *said)
{
    uint64_t before = sum_of(scene->folder);
    struct fs_v1 *v1 = NULL;

    scene->host.errors[0] = '\0';
    FS_CHECK_INT(fs_tiny_open_quick(&scene->host, scene->dir, options, &v1), -EBADMSG);
    if (v1)
        fs_v1_close(v1);
    FS_CHECK_CONTAINS(scene->host.errors, said);
    FS_CHECK_INT((int64_t)sum_of(scene->folder), (int64_t)before);
}

static void check_sells_on(struct scene *scene, uint32_t orders)
{
    struct fs_v1 *v1;

    FS_REQUIRE(fs_tiny_open_quick(&scene->host, scene->dir, OPTIONS, &v1) == 0);
    FS_CHECK_INT(v1->ledger.order_count, orders);
    fs_v1_close(v1);
}

static void overwrite(struct scene *scene, const char *name, off_t at, size_t len, int byte)
{
    char *bytes = malloc(len);
    int fd = openat(scene->folder, name, O_WRONLY);

    FS_REQUIRE(bytes && fd >= 0);
    memset(bytes, byte, len);
    if (byte < 0)
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(i * 7 + 1);
    FS_CHECK(pwrite(fd, bytes, len, at) == (ssize_t)len);
    close(fd);
    free(bytes);
}

static void a_file_without_a_header_is_never_removed(void)
{
    struct scene scene;
    struct stat status;

    for (int byte = -1; byte <= 0; byte++) { /* garbage, zeros */
        for (unsigned has_marker = 0; has_marker < 2; has_marker++) {
            begin(&scene, 5, 0);
            if (!has_marker)
                FS_CHECK(unlinkat(scene.folder, "../" FS_V1_BIRTH_NAME, 0) == 0);
            FS_CHECK(fstatat(scene.folder, "journal-00000001.log", &status, 0) == 0);
            overwrite(&scene, "journal-00000001.log", 0, (size_t)status.st_size, byte);
            check_refused(&scene, "", "journal-00000001.log");
            check_refused(&scene, "repair=cut-last-batch", "restore the file from a copy");
            FS_CHECK(fstatat(scene.folder, "journal-00000001.log", &status, 0) == 0);
            for (off_t size = 512; size >= 0; size -= 128) {
                int fd = openat(scene.folder, "journal-00000001.log", O_WRONLY);

                FS_CHECK(ftruncate(fd, size) == 0);
                close(fd);
                check_refused(&scene, "", "journal-00000001.log");
            }
            end(&scene);
        }
    }
}

static void the_newest_of_several_segments_is_not_taken_for_unborn(void)
{
    struct scene scene;
    int fd;

    begin(&scene, ORDERS, 2);
    fd = openat(scene.folder, "journal-00000003.log", O_WRONLY);
    FS_CHECK(ftruncate(fd, 0) == 0);
    close(fd);
    check_refused(&scene, "", "journal-00000003.log (0 bytes)");
    end(&scene);
}

static void records_that_were_on_disk_are_missed(void)
{
    struct scene scene;
    char copy[FS_V1_RECORD_SIZE];
    int fd;

    begin(&scene, 20, 0);
    fd = openat(scene.folder, "journal-00000001.log", O_RDWR);
    FS_CHECK(pread(fd, copy, sizeof(copy), 21 * FS_V1_RECORD_SIZE) == (ssize_t)sizeof(copy));
    overwrite(&scene, "journal-00000001.log", 21 * FS_V1_RECORD_SIZE, FS_V1_RECORD_SIZE, 0);
    check_refused(&scene, "", "the journal ends with record 20");
    overwrite(&scene, "journal-00000001.log", 15 * FS_V1_RECORD_SIZE, 7 * FS_V1_RECORD_SIZE, -1);
    check_refused(&scene, "", "the records up to 21 were on disk");
    check_refused(&scene, "repair=cut-last-batch", "the records up to 21 were on disk");
    FS_CHECK(ftruncate(fd, 10 * FS_V1_RECORD_SIZE) == 0); /* a shorter journal is a whole one */
    check_refused(&scene, "", "remove v1.born from the data folder");
    close(fd);
    FS_CHECK(unlinkat(scene.folder, "../" FS_V1_BIRTH_NAME, 0) == 0); /* the way out */
    check_sells_on(&scene, 8);
    end(&scene);
}

static void a_missing_file_is_named(void)
{
    static const struct {
        const char *name, *said;
    } cases[] = {
        {"journal-00000003.log", "journal-00000003.log, which belongs to the journal, is missing"},
        {"snapshot-00000002.snap", "cannot open journal-00000001.log"},
    };
    struct scene scene;

    begin(&scene, ORDERS, 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FS_CHECK(renameat(scene.folder, cases[i].name, scene.folder, "away") == 0);
        check_refused(&scene, "", cases[i].said);
        FS_CHECK(renameat(scene.folder, "away", scene.folder, cases[i].name) == 0);
    }
    check_sells_on(&scene, ORDERS);
    FS_CHECK(unlinkat(scene.folder, "journal-00000003.log", 0) == 0);
    FS_CHECK(unlinkat(scene.folder, "snapshot-00000002.snap", 0) == 0);
    check_refused(&scene, "", "is missing");
    end(&scene);
}

static void a_folder_that_was_written_and_is_gone_or_empty_is_not_new(void)
{
    struct scene scene;
    char path[256], away[256];
    struct fs_v1 *v1;
    struct stat status;

    begin(&scene, 3, 0);
    snprintf(path, sizeof(path), "%s/v1", scene.dir);
    snprintf(away, sizeof(away), "%s/away", scene.dir);
    FS_CHECK(rename(path, away) == 0);
    scene.host.errors[0] = '\0';
    FS_CHECK_INT(fs_tiny_open_quick(&scene.host, scene.dir, "", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(scene.host.errors, "the journal's folder is gone");
    FS_CHECK(stat(path, &status) != 0); /* it was not made */
    FS_CHECK(mkdir(path, 0700) == 0);
    FS_CHECK_INT(fs_tiny_open_quick(&scene.host, scene.dir, "", &v1), -EBADMSG);
    FS_CHECK_CONTAINS(scene.host.errors, "journal-00000001.log");
    snprintf(path, sizeof(path), "%s/v1/lock", scene.dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/v1", scene.dir);
    FS_CHECK(rmdir(path) == 0 && rename(away, path) == 0);
    check_sells_on(&scene, 3);
    end(&scene);
}

static void a_damaged_marker_is_refused_and_its_tmp_is_not_read(void)
{
    struct scene scene;
    int fd;

    begin(&scene, 3, 0);
    fd = openat(scene.folder, "../" FS_V1_BIRTH_TMP, O_WRONLY | O_CREAT, 0600);
    FS_CHECK(write(fd, "half", 4) == 4); /* a process that ended in the middle */
    close(fd);
    check_sells_on(&scene, 3);
    overwrite(&scene, "../" FS_V1_BIRTH_NAME, 33, 1, '9');
    check_refused(&scene, "", "v1.born in the data folder is damaged");
    fd = openat(scene.folder, "../" FS_V1_BIRTH_NAME, O_WRONLY);
    FS_CHECK(ftruncate(fd, 0) == 0);
    close(fd);
    check_refused(&scene, "", "remove it, if you know that the journal is whole");
    end(&scene);
}

static void files_of_others_are_left_alone(void)
{
    static const char *const names[] = {"journal-1.log", "snapshot-1.snap",
                                        "journal-00000001.log.bak", "journal-0000000001.log",
                                        "notes"};
    struct scene scene;
    struct stat status;

    begin(&scene, ORDERS, 2);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        close(openat(scene.folder, names[i], O_WRONLY | O_CREAT, 0600));
    check_sells_on(&scene, ORDERS);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        FS_CHECK(fstatat(scene.folder, names[i], &status, 0) == 0);
    end(&scene);
}

static void without_its_lock_file_a_folder_still_has_one_owner(void)
{
    struct scene scene;
    struct fs_v1 *v1, *second;

    begin(&scene, 3, 0);
    FS_REQUIRE(fs_tiny_open_quick(&scene.host, scene.dir, "", &v1) == 0);
    FS_CHECK(unlinkat(scene.folder, "lock", 0) == 0);
    FS_CHECK_INT(fs_tiny_open_quick(&scene.host, scene.dir, "", &second), -EBUSY);
    fs_v1_close(v1);
    end(&scene);
}

static void memory_does_not_ignore_a_journal(void)
{
    struct scene scene;
    struct fs_v1 *v1;

    begin(&scene, 3, 0);
    for (unsigned has_marker = 2; has_marker-- > 0;) {
        scene.host.errors[0] = '\0';
        FS_CHECK_INT(fs_tiny_open_quick(&scene.host, scene.dir, "durability=memory", &v1), -EEXIST);
        FS_CHECK_CONTAINS(scene.host.errors, "sell again");
        unlinkat(scene.folder, "../" FS_V1_BIRTH_NAME, 0);
    }
    end(&scene);
}

/* What an older version wrote has no marker: it is made, and protects from then on. */
static void a_journal_without_a_marker_gets_one(void)
{
    struct scene scene;

    begin(&scene, 3, 0);
    FS_CHECK(unlinkat(scene.folder, "../" FS_V1_BIRTH_NAME, 0) == 0);
    check_sells_on(&scene, 3);
    FS_CHECK(unlinkat(scene.folder, "journal-00000001.log", 0) == 0);
    check_refused(&scene, "", "journal-00000001.log");
    end(&scene);
}

#define TESTS(T)                                                 \
    T(a_file_without_a_header_is_never_removed)                  \
    T(the_newest_of_several_segments_is_not_taken_for_unborn)    \
    T(records_that_were_on_disk_are_missed)                      \
    T(a_missing_file_is_named)                                   \
    T(a_folder_that_was_written_and_is_gone_or_empty_is_not_new) \
    T(a_damaged_marker_is_refused_and_its_tmp_is_not_read)       \
    T(files_of_others_are_left_alone)                            \
    T(without_its_lock_file_a_folder_still_has_one_owner)        \
    T(memory_does_not_ignore_a_journal)                          \
    T(a_journal_without_a_marker_gets_one)
FS_SUITE("v1/birth", TESTS)
