/* The part of a probe that writes. */
#include "probe.h"

#include "scripts.h"

#define KNOWN_US 1000000u

static const struct fs_text NONE = FS_LEDGER_TEXT("");
static const struct fs_text ORDER = FS_LEDGER_TEXT(".probe");

enum fs_ledger_written fs_ledger_probe_known(const struct fs_ledger_worker *worker)
{
    uint64_t now_us = worker->ledger->host->now_us();

    if (worker->probe_written_us == 0 || now_us - worker->probe_written_us >= KNOWN_US)
        return FS_LEDGER_WRITTEN_UNKNOWN;
    return worker->is_written ? FS_LEDGER_WRITTEN : FS_LEDGER_NOT_WRITTEN;
}

void fs_ledger_probe_write(struct fs_ledger_ask *state, struct fs_text product,
                           void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    const struct fs_ledger_worker *worker = state->worker;
    const struct fs_ledger *ledger = worker->ledger;
    struct fs_ledger_keys keys;
    char claims[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text argv[FS_LEDGER_KEY_LOG + 5];
    size_t argc = 0;
    size_t key_count;

    fs_ledger_keys_init(&keys, ledger->prefix, product);
    for (unsigned i = FS_LEDGER_KEY_ORDERS; i <= FS_LEDGER_KEY_LOG; i++)
        argv[argc++] = keys.list[i];
    if (ledger->has_claims)
        argv[argc++] = fs_ledger_key_write(claims, ledger->prefix, "claims");
    if (worker->has_lock)
        argv[argc++] = keys.list[FS_LEDGER_KEY_LOCK];
    key_count = argc;
    argv[argc++] = ledger->has_claims ? ORDER : NONE;
    argv[argc++] = worker->has_lock ? ORDER : NONE;
    state->trips++;
    state->call.done = done;
    ledger->host->script(worker->loop, &state->call, &fs_ledger_probe_script, state->deadline_us,
                         key_count, argc, argv);
}

static bool is_told(const struct fs_ledger_worker *worker, struct fs_text reason)
{
    return worker->probe_problem_len == reason.len &&
           memcmp(worker->probe_problem, reason.data, reason.len) == 0;
}

bool fs_ledger_probe_took(struct fs_ledger_ask *state, const struct fs_reply *reply)
{
    struct fs_ledger_worker *worker = state->worker;
    const struct fs_host *host = worker->ledger->host;
    bool was_told = worker->probe_problem_len > 0;
    struct fs_text reason = reply->text;

    worker->probe_written_us = host->now_us();
    worker->is_written = reply->kind == FS_REPLY_INTEGER && reply->integer == 1;
    if (worker->is_written && was_told)
        host->log(host, FS_LOG_INFO, "%s: the store takes the writes of a purchase again",
                  worker->ledger->name);
    if (worker->is_written) {
        worker->probe_problem_len = 0;
        return true;
    }
    if (reply->kind == FS_REPLY_LOST)
        reason = FS_LEDGER_TEXT("it was sent and not answered; the store may end at each write, as "
                                "redis-server does on a full disk");
    if (reply->kind == FS_REPLY_NOT_SENT || reason.len == 0)
        return false; /* the link says why */
    if (reason.len > sizeof(worker->probe_problem))
        reason.len = sizeof(worker->probe_problem);
    if (!is_told(worker, reason))
        host->log(host, FS_LOG_ERROR,
                  "%s: a purchase cannot be written, so this server is not "
                  "ready: %.*s",
                  worker->ledger->name, (int)reason.len, reason.data);
    memcpy(worker->probe_problem, reason.data, reason.len);
    worker->probe_problem_len = (uint32_t)reason.len;
    return false;
}
