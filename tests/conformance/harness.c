/* What every test of the suite stands on: a server of its own, and words to talk to it. */
#include "conformance/conformance.h"

#include <errno.h>
#include <ftw.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define IN_FLIGHT_MAX 4096u
#define ROWS_MAX 64u
#define FOLDER_SIZE 256u

/* CUnit's tests take no arguments; one program runs one test at a time. */
static struct {
    struct fs_conformance_settings settings;
    struct fs_driver driver;
    char folder[FOLDER_SIZE];
    char second_folder[FOLDER_SIZE];
    uint64_t random;
    unsigned next_loop;
} world;

void fs_conformance_configure(const struct fs_conformance_settings *settings)
{
    world.settings = *settings;
}

const struct fs_conformance_settings *fs_conformance_settings(void)
{
    return &world.settings;
}

struct fs_driver *server(void)
{
    return &world.driver;
}

/* Folders */

static void make_folder(char folder[FOLDER_SIZE])
{
    const char *parent = getenv("TMPDIR");

    snprintf(folder, FOLDER_SIZE, "%s/conformance-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder)) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        exit(2);
    }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_folder(const char *folder)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Servers */

static void open_server(struct fs_driver *driver, const char *folder,
                        const struct fs_driver_store *store, uint64_t deadline_span_us)
{
    const struct fs_conformance_settings *settings = &world.settings;
    const struct fs_driver_config config = {
        .strategy = settings->strategy,
        .option_list = settings->option_list,
        .option_count = settings->option_count,
        .data_dir = folder,
        .loop_count = settings->loop_count,
        .in_flight_max = IN_FLIGHT_MAX,
        .deadline_span_us = deadline_span_us,
        .store = store,
    };
    int error = fs_driver_open(driver, &config);

    if (error) {
        fprintf(stderr, "the strategy does not open: %s\n", strerror(-error));
        exit(2);
    }
}

void restart(uint64_t deadline_span_us)
{
    fs_driver_close(&world.driver);
    open_server(&world.driver, world.folder, world.settings.store, deadline_span_us);
}

void open_second(struct fs_driver *driver)
{
    make_folder(world.second_folder);
    open_server(driver, world.second_folder, world.settings.second_store,
                FS_CONFORMANCE_DEADLINE_US);
}

void close_second(struct fs_driver *driver)
{
    fs_driver_close(driver);
    remove_folder(world.second_folder);
}

void fs_conformance_set_up(void)
{
    world.random = world.settings.seed;
    world.next_loop = 0;
    make_folder(world.folder);
    if (world.settings.empty_store)
        world.settings.empty_store();
    open_server(&world.driver, world.folder, world.settings.store, FS_CONFORMANCE_DEADLINE_US);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t random_below(uint64_t bound)
{
    uint64_t z = world.random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % bound;
}

/* Requests */

struct fs_request ask(struct fs_request request)
{
    request.loop = world.next_loop++;
    fs_driver_ask(&world.driver, &request);
    FS_CHECK_INT(request.end_count, request.abandoned ? 0 : 1);
    FS_CHECK(!request.ended_in_submit);
    FS_CHECK(!request.timed_out);
    return request;
}

struct fs_request buy(const char *product, const char *buyer, const char *order, uint32_t units)
{
    struct fs_request request = {0};

    fs_request_purchase(&request, product, buyer, order, units);
    return ask(request);
}

struct fs_request cancel(const char *product, const char *buyer, const char *order)
{
    struct fs_request request = {0};

    fs_request_ref(&request, FS_OP_CANCEL, product, buyer, order);
    return ask(request);
}

struct fs_request lookup(const char *product, const char *buyer, const char *order)
{
    struct fs_request request = {0};

    fs_request_ref(&request, FS_OP_LOOKUP, product, buyer, order);
    return ask(request);
}

struct fs_request count(const char *product)
{
    struct fs_request request = {0};

    fs_request_read(&request, FS_OP_COUNT, product);
    return ask(request);
}

struct fs_request create(const char *product, int64_t units)
{
    return create_limited(product, units, -1, -1);
}

struct fs_request create_limited(const char *product, int64_t units, int64_t per_buyer_max,
                                 int64_t per_order_max)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_CREATE, product, units);
    request.change.units_per_buyer_max = per_buyer_max;
    request.change.units_per_order_max = per_order_max;
    return ask(request);
}

struct fs_request restock(const char *product, int64_t units)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_UPDATE, product, units);
    return ask(request);
}

struct fs_request set_state(const char *product, enum fs_sale_state state)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_UPDATE, product, 0);
    request.change.state = (int32_t)state;
    return ask(request);
}

struct fs_request reset(const char *product, int64_t units)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_RESET, product, units);
    return ask(request);
}

void run(struct fs_request *requests, size_t request_count, size_t in_flight_max)
{
    size_t ended_once = 0;
    size_t expected = 0;
    size_t timed_out = 0;
    size_t ended_in_submit = 0;

    fs_driver_run(&world.driver, requests, request_count, in_flight_max);
    for (size_t i = 0; i < request_count; i++) {
        expected += !requests[i].abandoned;
        ended_once += requests[i].end_count == 1;
        timed_out += requests[i].timed_out;
        ended_in_submit += requests[i].ended_in_submit;
    }
    FS_CHECK_INT(ended_once, expected);
    FS_CHECK_INT(ended_in_submit, 0);
    if (world.driver.config.deadline_span_us == FS_CONFORMANCE_DEADLINE_US)
        FS_CHECK_INT(timed_out, 0);
}

/* Checks */

static const char *name_of(enum fs_verdict verdict)
{
    static const char *const names[FS_VERDICT_COUNT] = {
        [0] = "none",
        [FS_DONE] = "DONE",
        [FS_SOLD_OUT] = "SOLD_OUT",
        [FS_LIMIT_REACHED] = "LIMIT_REACHED",
        [FS_TOO_MANY] = "TOO_MANY",
        [FS_CLOSED] = "CLOSED",
        [FS_UNKNOWN] = "UNKNOWN",
        [FS_EXISTS] = "EXISTS",
        [FS_KEY_REUSED] = "KEY_REUSED",
        [FS_IN_PROGRESS] = "IN_PROGRESS",
        [FS_NOT_CANCELLABLE] = "NOT_CANCELLABLE",
        [FS_BUSY] = "BUSY",
        [FS_UNAVAILABLE] = "UNAVAILABLE",
        [FS_UNDETERMINED] = "UNDETERMINED",
    };

    return names[verdict];
}

void check_verdict(struct fs_outcome outcome, enum fs_verdict expected, const char *text,
                   unsigned line, const char *file)
{
    char message[512];

    snprintf(message, sizeof(message), "%s answers %s, not %s", text, name_of(outcome.verdict),
             name_of(expected));
    CU_assertImplementation(outcome.verdict == expected, line, message, file, "", CU_FALSE);
}

void check_conserved(const struct fs_sale_info *sale)
{
    FS_CHECK_INT(sale->units_left + sale->units_sold + sale->units_in_transit,
                 sale->units_initial + sale->units_restocked);
    FS_CHECK(sale->units_left >= 0 && sale->units_sold >= 0 && sale->units_in_transit >= 0);
}

void check_units(const char *product, int64_t left, int64_t sold)
{
    struct fs_request counted = count(product);

    CHECK_VERDICT(counted, FS_DONE);
    FS_CHECK_INT(counted.sale.units_left + counted.sale.units_in_transit, left);
    FS_CHECK_INT(counted.sale.units_sold, sold);
    check_conserved(&counted.sale);
}

struct fs_tally tally(const struct fs_request *requests, size_t request_count)
{
    struct fs_tally result = {0};

    for (size_t i = 0; i < request_count; i++) {
        const struct fs_outcome *outcome = &requests[i].outcome;

        if (outcome->verdict != FS_DONE) {
            result.refused[outcome->verdict]++;
        } else if (outcome->replayed) {
            result.replayed++;
        } else {
            result.sold++;
            result.units_sold += requests[i].units;
        }
    }
    return result;
}

/* The audit of one sale; every difference is zero. */
static void audit(const char *product)
{
    static struct fs_driver_row rows[ROWS_MAX];
    struct fs_request request = {.rows = rows, .row_capacity = ROWS_MAX};
    size_t difference_count = 0;
    char message[256];

    fs_request_read(&request, FS_OP_AUDIT, product);
    request = ask(request);
    CHECK_VERDICT(request, FS_DONE);
    for (size_t i = 0; i < request.row_count && i < ROWS_MAX; i++) {
        const char *suffix = strstr(rows[i].name, "_difference");

        if (!suffix || suffix[strlen("_difference")] != '\0')
            continue;
        difference_count++;
        snprintf(message, sizeof(message), "audit of %.64s: %.64s is %" PRId64, product,
                 rows[i].name, rows[i].value);
        CU_assertImplementation(rows[i].value == 0, __LINE__, message, __FILE__, "", CU_FALSE);
    }
    FS_CHECK(difference_count > 0);
}

static void audit_all(void)
{
    static struct fs_driver_row rows[ROWS_MAX];
    struct fs_request request = {.rows = rows, .row_capacity = ROWS_MAX};

    fs_request_read(&request, FS_OP_LIST, "");
    request = ask(request);
    CHECK_VERDICT(request, FS_DONE);
    FS_CHECK(request.row_count <= ROWS_MAX);
    for (size_t i = 0; i < request.row_count && i < ROWS_MAX; i++) {
        check_conserved(&rows[i].sale);
        audit(rows[i].name);
    }
}

void fs_conformance_tear_down(void)
{
    if (world.driver.config.deadline_span_us != FS_CONFORMANCE_DEADLINE_US)
        restart(FS_CONFORMANCE_DEADLINE_US);
    audit_all();
    fs_driver_settle(&world.driver);
    fs_driver_close(&world.driver);
    remove_folder(world.folder);
}

/* Time */

int64_t wall_ms_now(void)
{
    return fs_clock_wall_ms();
}

void sleep_ms(unsigned ms)
{
    struct timespec delay = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&delay, &delay) < 0 && errno == EINTR)
        continue;
}
