/* Lists every sale: the names, then the sales a few at a time.
 *
 * Each sale is read at an instant of its own.  A product whose sale was never made, or is made just
 * now, is skipped; one that this process knows and the store does not makes the list unavailable. */
#include "ask.h"

#include <stdlib.h>

#include "record.h"
#include "scripts.h"

#define AT_ONCE 16u /* reads on their way */

struct row {
    struct fs_text product; /* into the list's chars */
    struct fs_ledger_sale sale;
    bool is_there;
};

struct list;

struct slot {
    struct fs_call call;
    struct list *list;
    struct row *row;
};

struct list {
    struct fs_ledger_ask *ask; /* borrowed until complete */
    struct slot slots[AT_ONCE];
    size_t pending;
    size_t next;
    bool has_failed;
    size_t count;
    char *chars; /* owned */
    struct row rows[];
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    size_t len = left->product.len < right->product.len ? left->product.len : right->product.len;
    int order = memcmp(left->product.data, right->product.data, len);

    if (order != 0)
        return order;
    return (left->product.len > right->product.len) - (left->product.len < right->product.len);
}

static bool has_row(const void *data, struct fs_text product)
{
    const struct list *list = data;
    const struct row key = {.product = product};
    const struct row *found =
        bsearch(&key, list->rows, list->count, sizeof(list->rows[0]), compare_rows);

    return found && found->is_there;
}

static void end_list(struct list *list)
{
    struct fs_ledger_ask *ask = list->ask;
    const struct fs_host *host = ask->worker->ledger->host;

    if (!list->has_failed)
        list->has_failed = fs_ledger_is_any_lost(ask->worker->ledger, has_row, list);
    for (size_t i = 0; !list->has_failed && i < list->count; i++) {
        struct row *row = &list->rows[i];

        row->sale.info.product = row->product;
        if (!row->is_there)
            continue;
        fs_ledger_note_read(ask->worker, row->product, row->sale.info.epoch);
        if (row->sale.is_frozen)
            fs_ledger_note_frozen(ask->worker->ledger, row->product, true);
        host->tell_sale(ask->op, &row->sale.info);
    }
    fs_ledger_ask_end(ask, list->has_failed ? FS_UNAVAILABLE : FS_DONE);
    free(list->chars);
    free(list);
}

static void row_done(struct fs_call *call, const struct fs_reply *reply);

static void read_next(struct slot *slot)
{
    struct list *list = slot->list;
    struct fs_ledger_worker *worker = list->ask->worker;
    struct fs_ledger_keys keys;

    slot->row = &list->rows[list->next++];
    slot->call.done = row_done;
    list->pending++;
    list->ask->trips++;
    fs_ledger_keys_init(&keys, worker->ledger->prefix, slot->row->product);
    worker->ledger->host->script(worker->loop, &slot->call, &fs_ledger_show, 0, 1, 1, keys.list);
}

static void row_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct slot *slot = (struct slot *)(void *)((char *)call - offsetof(struct slot, call));
    struct list *list = slot->list;

    list->pending--;
    if (reply->kind == FS_REPLY_LIST)
        slot->row->is_there =
            fs_ledger_read_sale(reply->items, reply->item_count, &slot->row->sale);
    if (reply->kind != FS_REPLY_NIL && !slot->row->is_there)
        list->has_failed = true;
    if (!list->has_failed && list->next < list->count)
        read_next(slot);
    else if (list->pending == 0)
        end_list(list);
}

/* The names of reply, sorted.  NULL: no memory, or they are no names. */
static struct list *make_list(struct fs_ledger_ask *ask, const struct fs_reply *reply)
{
    size_t count = reply->item_count;
    struct list *list;
    char *at;

    if (count > FS_LEDGER_LIST_MAX)
        return NULL;
    list = calloc(1, sizeof(*list) + count * sizeof(list->rows[0]));
    if (!list)
        return NULL;
    list->ask = ask;
    at = list->chars = malloc(count * FS_PRODUCT_LEN_MAX + 1);
    for (size_t i = 0; list->chars && i < count; i++) {
        struct fs_text name = reply->items[i].text;

        if (reply->items[i].kind != FS_REPLY_TEXT || name.len > FS_PRODUCT_LEN_MAX)
            continue; /* nothing of ours */
        memcpy(at, name.data, name.len);
        list->rows[list->count++].product = (struct fs_text){at, name.len};
        at += name.len;
    }
    if (!list->chars) {
        free(list);
        return NULL;
    }
    qsort(list->rows, list->count, sizeof(list->rows[0]), compare_rows);
    return list;
}

static void names_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *ask = fs_ledger_ask_of(call);
    struct list *list;

    if (reply->kind != FS_REPLY_LIST) {
        fs_ledger_ask_fail(ask, reply);
        return;
    }
    list = make_list(ask, reply);
    if (!list) {
        fs_ledger_ask_end(ask, FS_UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < AT_ONCE && list->next < list->count; i++) {
        list->slots[i].list = list;
        read_next(&list->slots[i]);
    }
    if (list->pending == 0)
        end_list(list);
}

void fs_ledger_list(void *data, struct fs_op *op, void *state_data)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_ask *state = state_data;
    char products[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text argv[2] = {FS_LEDGER_TEXT("SMEMBERS")};

    state->worker = worker;
    state->op = op;
    state->trips = 1;
    argv[1] = fs_ledger_key_write(products, worker->ledger->prefix, "products");
    state->call.done = names_done;
    worker->ledger->host->store(worker->loop, &state->call, argv[1], 0, 2, argv);
}
