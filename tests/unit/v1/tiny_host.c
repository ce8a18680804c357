/* The tests' own host for v1: see tiny_host.h. */
#include "tiny_host.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

__attribute__((format(printf, 3, 4))) static void
log_line(const struct fs_host *base, enum fs_log_level level, const char *format, ...)
{
    struct fs_tiny_host *host = (struct fs_tiny_host *)(uintptr_t)base;
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (host->is_loud)
        fprintf(stderr, "%s\n", line);
    if (level < FS_LOG_WARNING)
        return;
    pthread_mutex_lock(&host->mutex);
    host->error_lines++;
    snprintf(host->errors + strlen(host->errors), sizeof(host->errors) - strlen(host->errors),
             "%s\n", line);
    pthread_mutex_unlock(&host->mutex);
}

static void tell_sale(struct fs_op *op, const struct fs_sale_info *sale)
{
    if (op->sale_count < FS_TINY_SALES_MAX)
        op->sales[op->sale_count] = *sale;
    op->sale_count++;
}

static void tell_order(struct fs_op *op, const struct fs_order_info *order)
{
    op->has_order = true;
    op->order = *order;
}

static void tell_term(struct fs_op *op, struct fs_text name, int64_t value)
{
    assert(op->term_count < FS_TINY_TERMS_MAX);
    snprintf(op->terms[op->term_count].name, sizeof(op->terms[0].name), "%.*s", (int)name.len,
             name.data);
    op->terms[op->term_count++].value = value;
}

static void complete(struct fs_op *op, const struct fs_outcome *outcome)
{
    assert(!op->is_done && outcome->verdict >= FS_DONE && outcome->verdict < FS_VERDICT_COUNT);
    op->is_done = true;
    op->outcome = *outcome;
    op->loop->completed++;
    if (op->on_done)
        op->on_done(op);
}

static void post(struct fs_loop *loop, struct fs_call *call)
{
    pthread_mutex_lock(&loop->mutex);
    assert(loop->letter_count < sizeof(loop->letters) / sizeof(loop->letters[0]));
    loop->letters[loop->letter_count++] = call;
    loop->posts++;
    pthread_cond_signal(&loop->posted);
    pthread_mutex_unlock(&loop->mutex);
}

static void lock_event(struct fs_loop *loop, enum fs_lock_event event, uint64_t wait_us)
{
    (void)wait_us;
    if (event == FS_LOCK_ACQUIRED)
        loop->acquired++;
    else if (event == FS_LOCK_CONTENDED)
        loop->contended++;
}

void fs_tiny_host_init(struct fs_tiny_host *host)
{
    memset(host, 0, sizeof(*host));
    host->host = (struct fs_host){
        .abi_version = FS_STRATEGY_ABI,
        .struct_size = sizeof(host->host),
        .now_us = now_us,
        .log = log_line,
        .tell_sale = tell_sale,
        .tell_order = tell_order,
        .tell_term = tell_term,
        .complete = complete,
        .post = post,
        .lock_event = lock_event,
    };
    host->is_loud = getenv("FS_LOUD") != NULL;
    pthread_mutex_init(&host->mutex, NULL);
}

void fs_tiny_host_dispose(struct fs_tiny_host *host)
{
    pthread_mutex_destroy(&host->mutex);
}

int fs_tiny_open(struct fs_tiny_host *host, const char *data_dir, const char *text,
                 const struct fs_v1_setup *setup, struct fs_v1 **v1)
{
    struct fs_option list[8];
    struct fs_options options = {list, 0, data_dir, "fs:"};
    char copy[256];
    char *rest = copy;

    snprintf(copy, sizeof(copy), "%s", text);
    while (*rest) {
        char *name = rest, *value = strchr(rest, '=');

        assert(value && options.count < 8);
        *value++ = '\0';
        rest = value + strcspn(value, " ");
        if (*rest)
            *rest++ = '\0';
        list[options.count++] = (struct fs_option){name, value};
    }
    return fs_v1_open(&host->host, &options, setup, v1);
}

static int no_sync(struct fs_v1_files *files, int fd, bool data_only)
{
    (void)files, (void)fd, (void)data_only;
    return 0;
}

int fs_tiny_open_quick(struct fs_tiny_host *host, const char *data_dir, const char *options,
                       struct fs_v1 **v1)
{
    struct fs_v1_setup setup = {.files = &host->quick, .ring_records = 256};

    fs_v1_files_init(&host->quick);
    host->quick.sync = no_sync;
    return fs_tiny_open(host, data_dir, options, &setup, v1);
}

void fs_tiny_loop_init(struct fs_loop *loop, struct fs_tiny_host *host, struct fs_v1 *v1)
{
    pthread_condattr_t attributes;
    int error;

    memset(loop, 0, sizeof(*loop));
    loop->host = host;
    pthread_mutex_init(&loop->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&loop->posted, &attributes);
    pthread_condattr_destroy(&attributes);
    error = fs_v1_attach(v1, loop, &loop->worker);
    assert(!error);
    (void)error;
}

void fs_tiny_loop_dispose(struct fs_loop *loop)
{
    fs_v1_detach(loop->worker);
    assert(loop->letter_count == 0);
    pthread_cond_destroy(&loop->posted);
    pthread_mutex_destroy(&loop->mutex);
}

void fs_tiny_op_init(struct fs_op *op, struct fs_loop *loop)
{
    memset(op, 0, sizeof(*op));
    op->loop = loop;
}

void fs_tiny_turn(struct fs_loop *loop, bool must_wait)
{
    struct fs_call *letters[4];
    unsigned count;

    pthread_mutex_lock(&loop->mutex);
    if (must_wait && loop->letter_count == 0) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 10;
        while (loop->letter_count == 0)
            if (pthread_cond_timedwait(&loop->posted, &loop->mutex, &until) == ETIMEDOUT) {
                fprintf(stderr, "no letter came for 10 s\n");
                abort();
            }
    }
    count = loop->letter_count;
    memcpy(letters, loop->letters, sizeof(letters));
    loop->letter_count = 0;
    pthread_mutex_unlock(&loop->mutex);
    for (unsigned i = 0; i < count; i++)
        letters[i]->done(letters[i], NULL);
    fs_v1_turn_end(loop->worker);
}

static enum fs_verdict finish(struct fs_op *op)
{
    if (!op->is_done)
        fs_v1_turn_end(op->loop->worker);
    while (!op->is_done)
        fs_tiny_turn(op->loop, true);
    return op->outcome.verdict;
}

struct fs_text fs_tiny_text(const char *text)
{
    return (struct fs_text){text, strlen(text)};
}

enum fs_verdict fs_tiny_buy(struct fs_op *op, const char *product, const char *buyer,
                            const char *order, uint32_t units)
{
    struct fs_purchase purchase = {
        .product = fs_tiny_text(product),
        .buyer = fs_tiny_text(buyer),
        .order = fs_tiny_text(order),
        .units = units,
    };

    fs_tiny_op_init(op, op->loop);
    fs_v1_purchase(op->loop->worker, op, op->state, &purchase);
    return finish(op);
}

static struct fs_order_ref ref_of(const char *product, const char *buyer, const char *order)
{
    return (struct fs_order_ref){
        .product = fs_tiny_text(product),
        .buyer = fs_tiny_text(buyer),
        .order = fs_tiny_text(order),
    };
}

enum fs_verdict fs_tiny_cancel(struct fs_op *op, const char *product, const char *buyer,
                               const char *order)
{
    struct fs_order_ref ref = ref_of(product, buyer, order);

    fs_tiny_op_init(op, op->loop);
    fs_v1_cancel(op->loop->worker, op, op->state, &ref);
    return finish(op);
}

enum fs_verdict fs_tiny_lookup(struct fs_op *op, const char *product, const char *buyer,
                               const char *order)
{
    struct fs_order_ref ref = ref_of(product, buyer, order);

    fs_tiny_op_init(op, op->loop);
    fs_v1_lookup(op->loop->worker, op, op->state, &ref);
    return finish(op);
}

enum fs_verdict fs_tiny_count(struct fs_op *op, const char *product)
{
    fs_tiny_op_init(op, op->loop);
    fs_v1_count(op->loop->worker, op, op->state, fs_tiny_text(product));
    return finish(op);
}

enum fs_verdict fs_tiny_audit(struct fs_op *op, const char *product)
{
    fs_tiny_op_init(op, op->loop);
    fs_v1_audit(op->loop->worker, op, op->state, fs_tiny_text(product));
    return finish(op);
}

enum fs_verdict fs_tiny_change(struct fs_op *op, const struct fs_sale_change *change)
{
    fs_tiny_op_init(op, op->loop);
    fs_v1_change(op->loop->worker, op, op->state, change);
    return finish(op);
}

struct fs_sale_change fs_tiny_nothing(enum fs_change_kind kind, const char *product)
{
    return (struct fs_sale_change){
        .kind = kind,
        .product = fs_tiny_text(product),
        .units_reset = -1,
        .units_per_buyer_max = -1,
        .units_per_order_max = -1,
        .opens_at_ms = -1,
        .closes_at_ms = -1,
        .state = -1,
    };
}

enum fs_verdict fs_tiny_create(struct fs_op *op, const char *product, int64_t units)
{
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_CREATE, product);

    change.units_reset = units;
    return fs_tiny_change(op, &change);
}

int64_t fs_tiny_term(const struct fs_op *op, const char *name)
{
    for (unsigned i = 0; i < op->term_count; i++)
        if (strcmp(op->terms[i].name, name) == 0)
            return op->terms[i].value;
    return INT64_MIN;
}

bool fs_tiny_is_sound(const struct fs_op *op)
{
    unsigned differences = 0;

    for (unsigned i = 0; i < op->term_count; i++) {
        const char *end = strstr(op->terms[i].name, "_difference");

        if (!end || strcmp(end, "_difference") != 0)
            continue;
        differences++;
        if (op->terms[i].value != 0)
            return false;
    }
    return differences > 0;
}

char *fs_tiny_dump(const struct fs_v1_ledger *ledger)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert(out);
    for (uint32_t i = 0; i < ledger->sale_count; i++) {
        const struct fs_v1_sale *s = &ledger->sales[i];

        fprintf(out, "sale %.*s epoch %" PRIu64 " sequence %" PRIu64, s->product_len, s->product,
                s->epoch, s->sequence);
        fprintf(out, " units %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, s->units_initial,
                s->units_restocked, s->units_left, s->units_sold);
        fprintf(out, " terms %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d\n",
                s->units_per_buyer_max, s->units_per_order_max, s->opens_at_ms, s->closes_at_ms,
                (int)s->state);
    }
    for (uint32_t i = 0; i < ledger->buyer_count; i++) {
        const struct fs_v1_buyer *b = &ledger->buyers[i];

        fprintf(out, "buyer %.*s sale %" PRIu32 " epoch %" PRIu64 " units %" PRId64 "\n",
                b->name_len, b->name, b->sale, b->epoch, b->units);
    }
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct fs_v1_order *o = &ledger->orders[i];

        fprintf(out,
                "order %.*s kind %d sale %d buyer %" PRIu32 " units %" PRIu32 " epoch %" PRIu64,
                o->name_len, o->name, o->entry, o->sale, o->buyer, o->units, o->epoch);
        fprintf(out, " sequence %" PRIu64 " %" PRIu64 " left %" PRId64 " at %" PRId64 " %" PRId64,
                o->sequence, o->cancel_sequence, o->units_left, o->made_at_ms, o->cancelled_at_ms);
        fprintf(out, " digest %" PRIx64 "\n", o->digest);
    }
    fclose(out);
    return text;
}

void fs_tiny_dir_create(char path[static 128])
{
    const char *base = getenv("TMPDIR");

    snprintf(path, 128, "%.100s/fs-v1-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
}

void fs_tiny_dir_clear(const char *path)
{
    char inner[256];
    struct dirent *entry;
    DIR *entries;

    snprintf(inner, sizeof(inner), "%s/v1", path);
    entries = opendir(inner);
    if (!entries)
        return;
    while ((entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    rmdir(inner);
}

void fs_tiny_dir_destroy(const char *path)
{
    fs_tiny_dir_clear(path);
    rmdir(path);
}

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;

    assert(in >= 0 && out >= 0);
    while ((got = read(in, buffer, sizeof(buffer))) > 0)
        if (write(out, buffer, (size_t)got) != got)
            abort();
    close(in);
    close(out);
}

void fs_tiny_dir_copy(const char *from, const char *to)
{
    char inner[256], source[600], target[600];
    struct dirent *entry;
    DIR *entries;

    snprintf(target, sizeof(target), "%s/v1", to);
    mkdir(target, 0700);
    snprintf(inner, sizeof(inner), "%s/v1", from);
    entries = opendir(inner);
    assert(entries);
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(source, sizeof(source), "%s/%s", inner, entry->d_name);
        snprintf(target, sizeof(target), "%s/v1/%s", to, entry->d_name);
        copy_file(source, target);
    }
    closedir(entries);
}

uint64_t fs_tiny_seed(void)
{
    const char *given = getenv("FS_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : now_us() ^ (uint64_t)getpid() << 32;

    printf("\n    FS_SEED=%" PRIu64 " ", seed);
    fflush(stdout);
    return seed;
}

uint64_t fs_tiny_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
