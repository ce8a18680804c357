/* What a strategy reaches through its host table, and what a loop hands back to it.
 *
 * The functions of the table are given a loop, never a server, and find everything in it.  None of
 * them calls back: an answer is put into the mailbox, the timers, the store's queue or the list of
 * the unsent, and comes with a later step of the loop's turn. */
#include "strategy/host.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/redis.h"

_Static_assert(sizeof(struct fs_link) <= sizeof(((struct fs_call *)0)->reserved),
               "a link fits into the reserved words of a call");

static struct fs_link *link_of(struct fs_call *call)
{
    return (struct fs_link *)(void *)call->reserved;
}

static struct fs_call *call_of(struct fs_link *link)
{
    return FS_CONTAINER_OF(link, struct fs_call, reserved);
}

static const struct fs_strategy_host *strategy_host_of(const struct fs_host *host)
{
    return (const struct fs_strategy_host *)(const void *)host;
}

static uint64_t host_now_us(void)
{
    return fs_clock_now_us();
}

__attribute__((format(printf, 3, 4))) static void
host_log(const struct fs_host *host, enum fs_log_level level, const char *format, ...)
{
    struct fs_strategy_host *mine = (struct fs_strategy_host *)(uintptr_t)host;
    char line[FS_LOG_LINE_MAX];
    uint32_t held_back = 0;
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (level >= FS_LOG_WARNING &&
        !fs_repeats_may_write(&mine->repeats, line, fs_clock_now_us(), &held_back))
        return;
    if (held_back > 0)
        fs_log_write(mine->log, level, "strategy", "%s (and %u more times since this was logged)",
                     line, held_back);
    else
        fs_log_write(mine->log, level, "strategy", "%s", line);
}

static void host_sales_frozen(const struct fs_host *host, uint64_t count)
{
    struct fs_strategy_host *mine = (struct fs_strategy_host *)(uintptr_t)host;

    atomic_store(&mine->sales_frozen, count);
}

static unsigned host_store_count(const struct fs_host *host)
{
    return strategy_host_of(host)->store_count;
}

static bool host_store_is_cluster(const struct fs_host *host)
{
    return strategy_host_of(host)->is_cluster;
}

static struct fs_text host_data_id(const struct fs_host *host)
{
    const struct fs_redis *redis = strategy_host_of(host)->redis;

    return redis ? fs_redis_data_id(redis) : (struct fs_text){"", 0};
}

static struct fs_text host_manifest(const struct fs_host *host, struct fs_text key)
{
    const struct fs_redis *redis = strategy_host_of(host)->redis;

    return redis ? fs_redis_manifest(redis, key) : (struct fs_text){"", 0};
}

static void answer_not_sent_later(struct fs_loop *loop, struct fs_call *call)
{
    fs_link_append(&loop->unsent, link_of(call));
}

static void host_store(struct fs_loop *loop, struct fs_call *call, struct fs_text key,
                       uint64_t deadline_us, size_t argc, const struct fs_text *argv)
{
    assert(call->done && argc > 0);
    if (!loop->store)
        answer_not_sent_later(loop, call);
    else
        loop->store->type->command(loop->store, call, key, deadline_us, argc, argv);
}

static void host_script(struct fs_loop *loop, struct fs_call *call, const struct fs_script *script,
                        uint64_t deadline_us, size_t key_count, size_t argc,
                        const struct fs_text *argv)
{
    assert(call->done && script && key_count <= argc);
    if (!loop->store)
        answer_not_sent_later(loop, call);
    else
        loop->store->type->script(loop->store, call, script, deadline_us, key_count, argc, argv);
}

static void host_wait(struct fs_loop *loop, struct fs_call *call, uint32_t delay_ms)
{
    assert(call->done);
    fs_timers_add(&loop->timers, call, fs_clock_now_us() + (uint64_t)delay_ms * 1000);
}

static void host_post(struct fs_loop *loop, struct fs_call *call)
{
    assert(call->done);
    fs_mailbox_post(&loop->mailbox, link_of(call));
}

static void host_lock_event(struct fs_loop *loop, enum fs_lock_event event, uint64_t wait_us)
{
    struct fs_metrics *metrics = loop->metrics;

    switch (event) {
    case FS_LOCK_ACQUIRED:
        fs_counter_add(&metrics->lock_acquired, 1);
        fs_histogram_record(&metrics->lock_wait_us, wait_us);
        return;
    case FS_LOCK_FAILED:
        fs_counter_add(&metrics->lock_failed, 1);
        fs_histogram_record(&metrics->lock_wait_us, wait_us);
        return;
    case FS_LOCK_CONTENDED:
        fs_counter_add(&metrics->lock_contended, 1);
        return;
    case FS_LOCK_LOST:
        fs_counter_add(&metrics->lock_lost, 1);
        return;
    }
    assert(false && "a lock event");
}

static void host_batch(struct fs_loop *loop, uint32_t purchases)
{
    fs_histogram_record(&loop->metrics->store_batch, purchases);
}

static void host_transfer_event(struct fs_loop *loop, enum fs_transfer_event event)
{
    assert(event >= FS_TRANSFER_MADE && event < FS_TRANSFER_EVENT_COUNT);
    fs_counter_add(&loop->metrics->transfers[event - 1], 1);
}

void fs_strategy_host_init(struct fs_strategy_host *host, struct fs_log *log, unsigned store_count)
{
    *host = (struct fs_strategy_host){
        .host = {.abi_version = FS_STRATEGY_ABI,
                 .struct_size = sizeof(struct fs_host),
                 .now_us = host_now_us,
                 .log = host_log,
                 .sales_frozen = host_sales_frozen,
                 .store_count = host_store_count,
                 .store = host_store,
                 .script = host_script,
                 .wait = host_wait,
                 .post = host_post,
                 .lock_event = host_lock_event,
                 .batch = host_batch,
                 .store_is_cluster = host_store_is_cluster,
                 .transfer_event = host_transfer_event,
                 .data_id = host_data_id,
                 .manifest = host_manifest},
        .log = log,
        .store_count = store_count,
    };
    fs_repeats_init(&host->repeats);
}

int fs_loop_init(struct fs_loop *loop, const struct fs_strategy *strategy, struct fs_store *store,
                 struct fs_metrics *metrics)
{
    int error;

    *loop = (struct fs_loop){.strategy = strategy, .store = store, .metrics = metrics};
    error = fs_mailbox_init(&loop->mailbox);
    if (error)
        return error;
    fs_timers_init(&loop->timers);
    fs_link_init(&loop->unsent);
    return 0;
}

void fs_loop_dispose(struct fs_loop *loop)
{
    assert(!loop->timers.first && fs_link_is_alone(&loop->unsent));
    fs_mailbox_dispose(&loop->mailbox);
}

static void deliver_letters(struct fs_loop *loop)
{
    struct fs_link letters;
    struct fs_link *letter;

    fs_link_init(&letters);
    fs_mailbox_take(&loop->mailbox, &letters);
    while ((letter = fs_link_shift(&letters))) {
        struct fs_call *call = call_of(letter);

        loop->touched = true;
        call->done(call, NULL);
    }
}

static void deliver_unsent(struct fs_loop *loop)
{
    const struct fs_reply not_sent = {.kind = FS_REPLY_NOT_SENT};
    struct fs_link unsent;
    struct fs_link *link;

    fs_link_init(&unsent);
    fs_link_splice(&unsent, &loop->unsent);
    while ((link = fs_link_shift(&unsent))) {
        struct fs_call *call = call_of(link);

        loop->touched = true;
        call->done(call, &not_sent);
    }
}

static void deliver_timers(struct fs_loop *loop, uint64_t now_us)
{
    uint64_t number_end = loop->timers.next_number;
    struct fs_call *call;

    while ((call = fs_timers_take(&loop->timers, now_us, number_end))) {
        loop->touched = true;
        call->done(call, NULL);
    }
}

void fs_loop_deliver(struct fs_loop *loop)
{
    struct fs_store *store = loop->store;

    deliver_letters(loop);
    deliver_unsent(loop);
    if (loop->timers.first)
        deliver_timers(loop, fs_clock_now_us());
    if (store && store->type->next_due_us(store) != UINT64_MAX)
        store->type->expire(store, fs_clock_now_us());
}

void fs_loop_turn_end(struct fs_loop *loop)
{
    uint64_t answer_count = loop->store ? loop->store->answer_count : 0;

    if (!loop->touched && answer_count == loop->store_answer_seen)
        return;
    loop->touched = false;
    loop->store_answer_seen = answer_count;
    if (loop->strategy->turn_end)
        loop->strategy->turn_end(loop->worker);
}

void fs_loop_flush(struct fs_loop *loop)
{
    if (loop->store)
        loop->store->type->flush(loop->store);
}

uint64_t fs_loop_next_due_us(const struct fs_loop *loop)
{
    uint64_t due_us = fs_timers_next_due_us(&loop->timers);

    if (!fs_link_is_alone(&loop->unsent))
        return 0;
    if (loop->store) {
        uint64_t store_due_us = loop->store->type->next_due_us(loop->store);

        due_us = store_due_us < due_us ? store_due_us : due_us;
    }
    return due_us;
}
