/* Disks that fail, processes that end and machines that lose their power, at the nth operation for
 * every n: what was acknowledged comes up again, what comes up is a prefix of what was decided, and
 * the rest of the stock is then sold exactly. */
#include "tiny_host.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

#define ORDERS 900u
#define TURN 60u /* orders in one turn of the loop */
#define TURNS (ORDERS / TURN)
#define STOCK 1000
#define OPTIONS "segment_size=64KiB orders_max=4000"
#define EXIT_CRASHED 42
#define UNSYNCED_MAX 64

enum fault {
    FAULT_EIO = 1, /* the nth operation fails */
    FAULT_HALF,    /* the nth write writes a half, and then fails */
    FAULT_EXIT,    /* the process ends in front of the nth operation */
    FAULT_AFTER,   /* the process ends behind it */
    FAULT_POWER    /* the machine ends there: of what was not synced some sectors are lost */
};

/* Of ThreadSanitizer, which else lets each of the children sleep for a second at its end. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}

/* What the child tells the parent, in shared memory. */
struct report {
    _Atomic uint32_t acknowledged[ORDERS]; /* 1: DONE was answered */
    _Atomic uint32_t refused[TURNS];       /* 1: of that turn's own sale, SOLD_OUT was answered */
    _Atomic uint32_t created;
};

struct unsynced {
    int fd;
    off_t at;
    size_t len;
    char *data;
};

/* The system's files with one fault. */
struct faulty_disk {
    struct fs_v1_files files; /* first: files are given, the disk is found */
    struct fs_v1_files system;
    enum fault fault;
    uint64_t nth;
    _Atomic uint64_t count;
    uint64_t random;
    pthread_mutex_t mutex; /* guards unsynced */
    struct unsynced unsynced[UNSYNCED_MAX];
    unsigned unsynced_count;
};

/* Sectors of what was not synced reach the disk or do not. */
static void lose_power(struct faulty_disk *disk)
{
    for (unsigned i = 0; i < disk->unsynced_count; i++) {
        struct unsynced *lost = &disk->unsynced[i];

        for (size_t at = 0; at < lost->len; at += 512) {
            size_t len = lost->len - at < 512 ? lost->len - at : 512;

            if (fs_tiny_random(&disk->random) % 2)
                disk->system.write(&disk->system, lost->fd, lost->data + at, len,
                                   lost->at + (off_t)at);
        }
    }
    _exit(EXIT_CRASHED);
}

/* True: this operation fails with errno. */
static bool strikes(struct faulty_disk *disk)
{
    uint64_t count = atomic_fetch_add(&disk->count, 1) + 1;

    if (disk->fault == FAULT_AFTER && count == disk->nth + 1)
        _exit(EXIT_CRASHED);
    if (count != disk->nth || disk->fault == FAULT_AFTER)
        return false;
    if (disk->fault == FAULT_EXIT)
        _exit(EXIT_CRASHED);
    if (disk->fault == FAULT_POWER) {
        pthread_mutex_lock(&disk->mutex);
        lose_power(disk);
    }
    errno = disk->nth % 2 ? EIO : ENOSPC;
    return true;
}

static ssize_t faulty_write(struct fs_v1_files *files, int fd, const void *data, size_t len,
                            off_t at)
{
    struct faulty_disk *disk = (struct faulty_disk *)files;
    struct unsynced *entry;

    if (strikes(disk)) {
        if (disk->fault == FAULT_HALF)
            disk->system.write(&disk->system, fd, data, len / 2, at);
        errno = ENOSPC;
        return -1;
    }
    if (disk->fault != FAULT_POWER)
        return disk->system.write(&disk->system, fd, data, len, at);
    pthread_mutex_lock(&disk->mutex);
    if (disk->unsynced_count == UNSYNCED_MAX)
        abort();
    entry = &disk->unsynced[disk->unsynced_count++];
    *entry = (struct unsynced){.fd = fd, .at = at, .len = len, .data = malloc(len)};
    if (!entry->data)
        abort();
    memcpy(entry->data, data, len);
    pthread_mutex_unlock(&disk->mutex);
    return (ssize_t)len;
}

/* What was written to fd gets to the disk. */
static void settle(struct faulty_disk *disk, int fd)
{
    unsigned kept = 0;

    pthread_mutex_lock(&disk->mutex);
    for (unsigned i = 0; i < disk->unsynced_count; i++) {
        struct unsynced *entry = &disk->unsynced[i];

        if (entry->fd != fd) {
            disk->unsynced[kept++] = *entry;
            continue;
        }
        if (disk->system.write(&disk->system, fd, entry->data, entry->len, entry->at) !=
            (ssize_t)entry->len)
            abort();
        free(entry->data);
    }
    disk->unsynced_count = kept;
    pthread_mutex_unlock(&disk->mutex);
}

static int faulty_sync(struct fs_v1_files *files, int fd, bool data_only)
{
    struct faulty_disk *disk = (struct faulty_disk *)files;

    if (strikes(disk))
        return -1;
    settle(disk, fd);
    (void)
        data_only; /* the child's memory is the disk that is lost: a real sync would only be slow */
    return 0;
}

static int faulty_create(struct fs_v1_files *files, int folder, const char *name)
{
    struct faulty_disk *disk = (struct faulty_disk *)files;

    return strikes(disk) ? -1 : disk->system.create(&disk->system, folder, name);
}

static int faulty_truncate(struct fs_v1_files *files, int fd, off_t size)
{
    struct faulty_disk *disk = (struct faulty_disk *)files;

    return strikes(disk) ? -1 : disk->system.truncate(&disk->system, fd, size);
}

static int faulty_rename(struct fs_v1_files *files, int folder, const char *from, const char *to)
{
    struct faulty_disk *disk = (struct faulty_disk *)files;

    return strikes(disk) ? -1 : disk->system.rename(&disk->system, folder, from, to);
}

static int faulty_unlink(struct fs_v1_files *files, int folder, const char *name)
{
    struct faulty_disk *disk = (struct faulty_disk *)files;

    return strikes(disk) ? -1 : disk->system.unlink(&disk->system, folder, name);
}

static void faulty_disk_init(struct faulty_disk *disk, enum fault fault, uint64_t nth,
                             uint64_t seed)
{
    memset(disk, 0, sizeof(*disk));
    fs_v1_files_init(&disk->system);
    disk->files = (struct fs_v1_files){
        .write = faulty_write,
        .sync = faulty_sync,
        .create = faulty_create,
        .truncate = faulty_truncate,
        .rename = faulty_rename,
        .unlink = faulty_unlink,
    };
    disk->fault = fault;
    disk->nth = nth;
    disk->random = seed;
    pthread_mutex_init(&disk->mutex, NULL);
}

static void order_name(char name[static 16], unsigned i)
{
    snprintf(name, 16, "order%u", i);
}

static void small_sale_name(char name[static 16], unsigned turn)
{
    snprintf(name, 16, "small%u", turn);
}

static void on_refused(struct fs_op *op)
{
    if (op->outcome.verdict == FS_SOLD_OUT)
        atomic_store((_Atomic uint32_t *)op->data, 1);
}

/* Makes a sale of one unit, which ann buys and bob is too late for: all of it in this turn. */
static void sell_out(struct fs_loop *loop, struct fs_op ops[static 3], unsigned turn,
                     struct report *report)
{
    static char name[16];
    struct fs_sale_change change;
    struct fs_purchase purchase = {.units = 1};

    small_sale_name(name, turn);
    change = fs_tiny_nothing(FS_CHANGE_CREATE, name);
    change.units_reset = 1;
    purchase.product = fs_tiny_text(name);
    for (unsigned i = 0; i < 3; i++)
        fs_tiny_op_init(&ops[i], loop);
    ops[2].on_done = on_refused;
    ops[2].data = &report->refused[turn];
    fs_v1_change(loop->worker, &ops[0], ops[0].state, &change);
    for (unsigned i = 1; i < 3; i++) {
        char order[32];

        snprintf(order, sizeof(order), "%s-%u", name, i);
        purchase.order = fs_tiny_text(order);
        purchase.buyer = fs_tiny_text(i == 1 ? "ann" : "bob");
        fs_v1_purchase(loop->worker, &ops[i], ops[i].state, &purchase);
    }
}

/* Brings one turn's orders and waits for the answers. */
static void sell_turn(struct fs_loop *loop, unsigned from, struct report *report)
{
    static struct fs_op small[3];
    static struct fs_op ops[TURN];
    static char names[TURN][16];

    sell_out(loop, small, from / TURN, report);
    for (unsigned i = 0; i < TURN; i++) {
        struct fs_purchase purchase = {
            .product = fs_tiny_text("1"), .buyer = fs_tiny_text("ann"), .units = 1};

        order_name(names[i], from + i);
        purchase.order = fs_tiny_text(names[i]);
        fs_tiny_op_init(&ops[i], loop);
        fs_v1_purchase(loop->worker, &ops[i], ops[i].state, &purchase);
    }
    fs_v1_turn_end(loop->worker);
    for (unsigned i = 0; i < TURN; i++) {
        while (!ops[i].is_done)
            fs_tiny_turn(loop, true);
        if (ops[i].outcome.verdict == FS_DONE)
            atomic_store(&report->acknowledged[from + i], 1);
    }
    while (!small[2].is_done)
        fs_tiny_turn(loop, true);
}

/* The child: sells on a faulty disk until it ends. */
static _Noreturn void sell_and_end(const char *dir, enum fault fault, uint64_t nth, uint64_t seed,
                                   struct report *report)
{
    static struct faulty_disk disk;
    struct fs_v1_setup setup = {.files = &disk.files, .ring_records = 256};
    struct fs_tiny_host host;
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;

    faulty_disk_init(&disk, fault, nth, seed);
    fs_tiny_host_init(&host);
    host.is_loud = false;
    if (fs_tiny_open(&host, dir, OPTIONS, &setup, &v1) != 0)
        _exit(3);
    fs_tiny_loop_init(&loop, &host, v1);
    fs_tiny_op_init(&op, &loop);
    if (fs_tiny_create(&op, "1", STOCK) == FS_DONE)
        atomic_store(&report->created, 1);
    for (unsigned i = 0; i < ORDERS; i += TURN)
        sell_turn(&loop, i, report);
    usleep(20000); /* folding has its part of the operations */
    fs_tiny_loop_dispose(&loop);
    fs_v1_close(v1);
    _exit(0);
}

/* What the parent finds in the folder. */
static void check_prefix(struct fs_op *op, const struct report *report, const char *what,
                         uint64_t nth)
{
    unsigned found = 0, behind = 0, lost = 0;
    char name[16];

    for (unsigned i = 0; i < ORDERS; i++) {
        bool is_there;

        order_name(name, i);
        is_there = fs_tiny_lookup(op, "1", "ann", name) == FS_DONE;
        if (is_there && found == i)
            found++;
        else if (is_there)
            behind++;
        else if (report->acknowledged[i])
            lost++;
    }
    if (lost > 0 || behind > 0)
        printf("\n    %s at operation %" PRIu64 ": %u acknowledged orders lost, %u behind a gap\n",
               what, nth, lost, behind);
    FS_CHECK_INT(lost, 0);
    FS_CHECK_INT(behind, 0);
}

/* Who was told that a sale is sold out finds nothing left of it: no unit ever comes back here. */
static void check_refusals(struct fs_op *op, const struct report *report, const char *what,
                           uint64_t nth)
{
    unsigned untrue = 0;
    char name[16];

    for (unsigned turn = 0; turn < TURNS; turn++) {
        small_sale_name(name, turn);
        if (report->refused[turn] &&
            (fs_tiny_count(op, name) != FS_DONE || op->sales[0].units_left > 0))
            untrue++;
    }
    if (untrue > 0)
        printf("\n    %s at operation %" PRIu64 ": %u refusals were untrue\n", what, nth, untrue);
    FS_CHECK_INT(untrue, 0);
}

/* Opens what the child left, checks it, and sells the rest of the stock. */
static void check_folder(const char *dir, const struct report *report, const char *what,
                         uint64_t nth, unsigned *repaired)
{
    struct fs_tiny_host host;
    struct fs_loop loop;
    struct fs_v1 *v1;
    struct fs_op op;
    int error;

    fs_tiny_host_init(&host);
    error = fs_tiny_open(&host, dir, OPTIONS, NULL, &v1);
    if (error == -EBADMSG && repaired && strstr(host.errors, "repair: cut-last-batch")) {
        (*repaired)++;
        error = fs_tiny_open(&host, dir, OPTIONS " repair=cut-last-batch", NULL, &v1);
    }
    if (error)
        printf("\n    %s at operation %" PRIu64 ": %s\n", what, nth, host.errors);
    FS_REQUIRE(error == 0);
    fs_tiny_loop_init(&loop, &host, v1);
    fs_tiny_op_init(&op, &loop);
    FS_CHECK(fs_tiny_create(&op, "1", STOCK) == FS_EXISTS || !report->created);
    check_prefix(&op, report, what, nth);
    check_refusals(&op, report, what, nth);
    FS_CHECK_INT(fs_tiny_audit(&op, "1"), FS_DONE);
    FS_CHECK(fs_tiny_is_sound(&op));
    FS_CHECK_INT(fs_tiny_term(&op, "units_initial"), STOCK);
    FS_CHECK_INT(fs_tiny_buy(&op, "1", "bob", "rest", (uint32_t)fs_tiny_term(&op, "units_left")),
                 FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(&op, "1", "bob", "more", 1), FS_SOLD_OUT);
    fs_tiny_loop_dispose(&loop);
    fs_v1_close(v1);
    fs_tiny_host_dispose(&host);
}

/* Runs the child for every n from 1 on, until count of them were run or the fault comes too late to
 * strike. */
static void strike_every(enum fault fault, const char *what, unsigned count, int exit_expected,
                         unsigned *repaired)
{
    struct report *report =
        mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t seed = fs_tiny_seed();
    unsigned struck = 0;
    char dir[128];

    FS_REQUIRE(report != MAP_FAILED);
    for (uint64_t nth = 1; nth <= count; nth++) {
        int status = 0;
        pid_t child;

        memset(report, 0, sizeof(*report));
        fs_tiny_dir_create(dir);
        fflush(stdout);
        child = fork();
        if (child == 0)
            sell_and_end(dir, fault, nth, seed + nth, report);
        FS_REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
        FS_CHECK(WIFEXITED(status));
        if (WEXITSTATUS(status) == exit_expected)
            struck++;
        else
            FS_CHECK_INT(WEXITSTATUS(status), 0); /* a fault that is survived, or came too late */
        check_folder(dir, report, what, nth, repaired);
        fs_tiny_dir_destroy(dir);
    }
    printf("%s: %u of %u children struck ", what, struck, count);
    FS_CHECK(struck >= count / 2);
    munmap(report, sizeof(*report));
}

static void after_the_nth_failed_operation_every_acknowledged_order_is_there(void)
{
    strike_every(FAULT_EIO, "failing", 75, 1, NULL);
}

static void after_the_nth_write_was_cut_short_every_acknowledged_order_is_there(void)
{
    strike_every(FAULT_HALF, "half a write", 75, 1, NULL);
}

static void after_an_end_in_front_of_the_nth_operation_every_acknowledged_order_is_there(void)
{
    strike_every(FAULT_EXIT, "ending", 75, EXIT_CRASHED, NULL);
}

static void after_an_end_behind_the_nth_operation_every_acknowledged_order_is_there(void)
{
    strike_every(FAULT_AFTER, "ending behind", 75, EXIT_CRASHED, NULL);
}

static void after_a_power_failure_every_acknowledged_order_is_there(void)
{
    unsigned repaired = 0;

    strike_every(FAULT_POWER, "power", 75, EXIT_CRASHED, &repaired);
    printf("(%u needed cut-last-batch) ", repaired);
}

#define TESTS(T)                                                                    \
    T(after_the_nth_failed_operation_every_acknowledged_order_is_there)             \
    T(after_the_nth_write_was_cut_short_every_acknowledged_order_is_there)          \
    T(after_an_end_in_front_of_the_nth_operation_every_acknowledged_order_is_there) \
    T(after_an_end_behind_the_nth_operation_every_acknowledged_order_is_there)      \
    T(after_a_power_failure_every_acknowledged_order_is_there)
FS_SUITE("v1/faults", TESTS)
