/* Lists every sale, each as of an instant of its own: one READ a sale, many at a time.  A READ alone
 * does not prove that its shards were so together: where they were not, the row still obeys the
 * conservation rule.  A sale that is found half changed is finished first. */
#include <stdlib.h>

#include "ask.h"
#include "ledger/host.h"
#include "ledger/names.h"

#define READS_MAX 64u /* at a time */

struct row {
    struct fs_text name; /* into the list's */
    int64_t *left;       /* owned: of each shard */
    unsigned shard_count;
    struct fs_v4_sale *sale; /* used while its place is asked for */
    struct fs_v4_ask *state;
    struct fs_sale_info info;
    bool is_found;
    bool is_lost;
    bool is_behind; /* to be read again, alone */
};

struct fs_v4_list {
    struct fs_ledger_names *names; /* owned */
    size_t next;                   /* to be read, then to be told */
    size_t pending_count;
    bool is_failed;
    struct row rows[]; /* of the names */
};

static void end_list(struct fs_v4_ask *state, enum fs_verdict verdict)
{
    for (size_t i = 0; i < state->list->names->count; i++)
        free(state->list->rows[i].left);
    fs_ledger_names_destroy(state->list->names);
    free(state->list);
    fs_ledger_ask_end(&state->ask, verdict);
}

static void tell_shards(const struct fs_v4_ask *state, const struct row *row)
{
    const struct fs_v4_worker *worker = (const struct fs_v4_worker *)(void *)state->ask.worker;
    const struct fs_host *host = fs_v4_host(worker);

    if (!row->left || !FS_LEDGER_HOST_HAS(host, tell_shard))
        return;
    for (uint32_t k = 0; k < row->shard_count; k++)
        host->tell_shard(state->ask.op, row->name, k, row->left[k]);
}

/* Without the memory the row is told without its shards. */
static void keep_shards(struct row *row, const struct fs_v4_read *read)
{
    unsigned count = fs_v4_sale_shard_count(read->sale);

    row->shard_count = count;
    row->left = calloc(count, sizeof(*row->left));
    for (unsigned k = 0; row->left && k < count; k++)
        row->left[k] = read->views[k].sale.info.units_left;
}

static void tell_rows(struct fs_v4_ask *state);

static void on_alone(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                     enum fs_verdict verdict)
{
    struct fs_v4_sale *sale = state->sale;
    struct row *row = &state->list->rows[state->list->next];

    if (sum)
        row->info = *sum;
    row->is_found = sum != NULL;
    row->is_behind = false;
    state->sale = NULL;
    fs_v4_sale_leave(sale);
    if (verdict == FS_UNAVAILABLE)
        end_list(state, verdict);
    else
        tell_rows(state);
}

/* Tells what has been read, up to a sale that must be read alone. */
static void tell_rows(struct fs_v4_ask *state)
{
    struct fs_v4_worker *worker = (struct fs_v4_worker *)(void *)state->ask.worker;
    struct fs_v4_list *list = state->list;

    for (; list->next < list->names->count; list->next++) {
        struct row *row = &list->rows[list->next];

        if (row->is_behind) {
            state->sale = fs_v4_sale_take(worker, row->name);
            if (!state->sale)
                break;
            fs_v4_sale_use(state->sale);
            fs_v4_sum_begin(state, on_alone);
            return;
        }
        row->info.product = row->name;
        if (row->is_found) {
            fs_v4_host(worker)->tell_sale(state->ask.op, &row->info);
            if (row->info.state >= FS_SALE_FROZEN)
                fs_ledger_tell_trouble(worker->ledger.ledger, state->ask.op, row->name);
            tell_shards(state, row);
        }
    }
    end_list(state, list->next < list->names->count ? FS_UNAVAILABLE : FS_DONE);
}

static void read_rows(struct fs_v4_ask *state);

static void on_row(struct fs_v4_read *read)
{
    struct row *row = read->data;
    struct fs_v4_list *list = row->state->list;
    const struct fs_v4_view *truth = &read->views[0];

    list->pending_count--;
    list->is_failed = list->is_failed || !read->is_whole;
    row->is_found = read->is_whole && truth->is_there;
    row->is_behind = fs_v4_read_is_suspect(read);
    if (!row->is_behind && fs_v4_read_tell_lost(read)) {
        row->info = fs_ledger_lost_sale(row->name);
        row->is_found = row->is_lost = true;
    }
    for (unsigned k = 1; row->is_found && !row->is_lost && k < fs_v4_sale_shard_count(read->sale);
         k++)
        row->is_behind = row->is_behind || fs_v4_read_is_behind(read, k);
    if (row->is_found && !row->is_lost && !row->is_behind) {
        row->info = fs_v4_ask_sum(read, fs_v4_read_is_proof(read));
        keep_shards(row, read);
    }
    fs_v4_read_end(read);
    read_rows(row->state);
}

static void on_row_placed(void *data, enum fs_v4_placed placed)
{
    struct row *row = data;
    struct fs_v4_ask *state = row->state;
    struct fs_v4_worker *worker = (struct fs_v4_worker *)(void *)state->ask.worker;
    struct fs_v4_sale *before = row->sale;
    struct fs_v4_sale *sale = fs_v4_sale_take(worker, row->name);

    if (placed == FS_V4_LOST) {
        row->info = fs_ledger_lost_sale(row->name);
        row->is_found = row->is_lost = true;
        state->list->pending_count--;
        fs_v4_sale_leave(before);
        read_rows(state);
        return;
    }
    if (fs_v4_place_is_known(placed) && sale && fs_v4_read_begin(sale, 0, on_row, row)) {
        fs_v4_sale_leave(before);
        return;
    }
    state->list->is_failed = true;
    state->list->pending_count--;
    fs_v4_sale_leave(before);
    read_rows(state);
}

static bool read_row(struct row *row, struct fs_v4_worker *worker)
{
    struct fs_v4_sale *sale = fs_v4_sale_take(worker, row->name);

    if (!sale)
        return false;
    if (sale->is_checked)
        return fs_v4_read_begin(sale, 0, on_row, row) != NULL;
    if (!fs_v4_place_begin(sale, 0, false, on_row_placed, row))
        return false;
    row->sale = sale;
    fs_v4_sale_use(sale);
    return true;
}

static void read_rows(struct fs_v4_ask *state)
{
    struct fs_v4_worker *worker = (struct fs_v4_worker *)(void *)state->ask.worker;
    struct fs_v4_list *list = state->list;

    while (!list->is_failed && list->next < list->names->count && list->pending_count < READS_MAX) {
        struct row *row = &list->rows[list->next++];

        row->state = state;
        if (read_row(row, worker))
            list->pending_count++;
        else
            list->is_failed = true;
    }
    if (list->pending_count > 0)
        return;
    state->ask.trips++;
    for (size_t i = 0; i < list->names->count && !list->is_failed; i++) {
        struct row *row = &list->rows[i];

        if (row->is_found || row->is_behind ||
            !fs_ledger_is_sale_lost(worker->ledger.ledger, row->name))
            continue;
        row->info = fs_ledger_lost_sale(row->name);
        row->is_found = true;
    }
    if (list->is_failed) {
        end_list(state, FS_UNAVAILABLE);
        return;
    }
    list->next = 0;
    tell_rows(state);
}

/* NULL: no memory, or more names than may be. */
static struct fs_v4_list *make_list(struct fs_ledger *ledger, const struct fs_reply *reply)
{
    struct fs_ledger_names *names = fs_ledger_names_read(ledger, reply, FS_LEDGER_SALES_MAX);
    struct fs_v4_list *list;

    if (!names)
        return NULL;
    list = calloc(1, sizeof(*list) + names->count * sizeof(list->rows[0]));
    if (!list) {
        fs_ledger_names_destroy(names);
        return NULL;
    }
    list->names = names;
    for (size_t i = 0; i < names->count; i++)
        list->rows[i].name = names->list[i];
    return list;
}

static void names_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_ask *state = (struct fs_v4_ask *)(void *)fs_ledger_ask_of(call);

    if (reply->kind != FS_REPLY_LIST) {
        fs_ledger_ask_fail(&state->ask, reply);
        return;
    }
    state->list = make_list(state->ask.worker->ledger, reply);
    if (state->list)
        read_rows(state);
    else
        fs_ledger_ask_end(&state->ask, FS_UNAVAILABLE);
}

void fs_v4_list(void *data, struct fs_op *op, void *state_data)
{
    struct fs_v4_worker *worker = data;
    struct fs_v4_ask *state = state_data;

    *state = (struct fs_v4_ask){.ask = {.worker = &worker->ledger, .op = op, .trips = 1}};
    state->ask.call.done = names_done;
    fs_ledger_names_ask(&worker->ledger, &state->ask.call);
}
