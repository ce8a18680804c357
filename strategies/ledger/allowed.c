/* Sends allowed.lua. */
#include "allowed.h"

#include "scripts.h"

void fs_ledger_allowed_send(struct fs_ledger_ask *state, struct fs_text product,
                            void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    const struct fs_ledger_worker *worker = state->worker;
    const struct fs_ledger *ledger = worker->ledger;
    const struct fs_text none = FS_LEDGER_TEXT("");
    char claims[FS_LEDGER_KEY_LEN_MAX], products[FS_LEDGER_KEY_LEN_MAX];
    struct fs_ledger_keys keys;
    struct fs_text argv[FS_LEDGER_KEY_COUNT + 4];
    size_t argc = 0;
    size_t key_count;

    fs_ledger_keys_init(&keys, ledger->prefix, product);
    for (unsigned i = FS_LEDGER_KEY_SALE; i <= FS_LEDGER_KEY_CHANGES; i++)
        argv[argc++] = keys.list[i];
    if (ledger->has_claims) {
        argv[argc++] = fs_ledger_key_write(claims, ledger->prefix, "claims");
        argv[argc++] = fs_ledger_key_write(products, ledger->prefix, "products");
    }
    if (worker->has_lock)
        argv[argc++] = keys.list[FS_LEDGER_KEY_LOCK];
    key_count = argc;
    argv[argc++] = ledger->has_claims ? FS_LEDGER_TEXT("claims") : none;
    argv[argc++] = worker->has_lock ? FS_LEDGER_TEXT("lock") : none;
    state->trips++;
    state->call.done = done;
    ledger->host->script(worker->loop, &state->call, &fs_ledger_allowed, state->deadline_us,
                         key_count, argc, argv);
}
