/* Lists every sale: the names, then the sales a few at a time.
 *
 * Each sale is read at an instant of its own.  A product whose sale was never made, or is made just
 * now, is skipped; one that this process knows and the store does not is told as lost. */
#include "ask.h"

#include <stdlib.h>

#include "names.h"
#include "record.h"
#include "scripts.h"

#define AT_ONCE 16u /* reads on their way */

struct row {
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
    struct fs_ledger_names *names; /* owned */
    struct row rows[];             /* of the names */
};

static void end_list(struct list *list)
{
    struct fs_ledger_ask *ask = list->ask;
    const struct fs_host *host = ask->worker->ledger->host;

    for (size_t i = 0; !list->has_failed && i < list->names->count; i++) {
        const struct fs_text product = list->names->list[i];
        struct row *row = &list->rows[i];

        if (row->is_there)
            fs_ledger_note_found(ask->worker, product, &row->sale);
        else if (fs_ledger_is_sale_lost(ask->worker->ledger, product))
            row->sale.info = fs_ledger_lost_sale(product);
        else
            continue;
        row->sale.info.product = product;
        host->tell_sale(ask->op, &row->sale.info);
        if (row->sale.info.state >= FS_SALE_FROZEN)
            fs_ledger_tell_trouble(ask->worker->ledger, ask->op, product);
    }
    fs_ledger_ask_end(ask, list->has_failed ? FS_UNAVAILABLE : FS_DONE);
    fs_ledger_names_destroy(list->names);
    free(list);
}

static void row_done(struct fs_call *call, const struct fs_reply *reply);

static void read_next(struct slot *slot)
{
    struct list *list = slot->list;
    struct fs_ledger_worker *worker = list->ask->worker;
    struct fs_ledger_keys keys;

    fs_ledger_keys_init(&keys, worker->ledger->prefix, list->names->list[list->next]);
    slot->row = &list->rows[list->next++];
    slot->call.done = row_done;
    list->pending++;
    list->ask->trips++;
    worker->ledger->host->script(worker->loop, &slot->call, &fs_ledger_show, 0, 4, 4, keys.list);
}

static void row_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct slot *slot = (struct slot *)(void *)((char *)call - offsetof(struct slot, call));
    struct list *list = slot->list;

    list->pending--;
    if (reply->kind == FS_REPLY_LIST)
        slot->row->is_there =
            fs_ledger_read_sale(reply->items, reply->item_count, &slot->row->sale);
    if (reply->kind == FS_REPLY_LIST && reply->item_count == 0)
        fs_ledger_note_lost(list->ask->worker->ledger, list->names->list[slot->row - list->rows]);
    if (reply->kind != FS_REPLY_NIL && !slot->row->is_there)
        list->has_failed = true;
    if (!list->has_failed && list->next < list->names->count)
        read_next(slot);
    else if (list->pending == 0)
        end_list(list);
}

/* NULL: no memory, or more names than may be. */
static struct list *make_list(struct fs_ledger_ask *ask, const struct fs_reply *reply)
{
    struct fs_ledger_names *names =
        fs_ledger_names_read(ask->worker->ledger, reply, FS_LEDGER_LIST_MAX);
    struct list *list;

    if (!names)
        return NULL;
    list = calloc(1, sizeof(*list) + names->count * sizeof(list->rows[0]));
    if (!list) {
        fs_ledger_names_destroy(names);
        return NULL;
    }
    list->ask = ask;
    list->names = names;
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
    for (size_t i = 0; i < AT_ONCE && list->next < list->names->count; i++) {
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

    state->worker = worker;
    state->op = op;
    state->trips = 1;
    state->call.done = names_done;
    fs_ledger_names_ask(worker, &state->call);
}
