/* Lists every sale, one after the other: each is read at an instant of its own. */
#include <stdlib.h>

#include "ask.h"

struct fs_v4_list {
    size_t count;
    size_t next;
    char *chars; /* owned */
    struct fs_text names[];
};

static int compare_names(const void *a, const void *b)
{
    const struct fs_text *left = a;
    const struct fs_text *right = b;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, len);

    if (order != 0)
        return order;
    return (left->len > right->len) - (left->len < right->len);
}

static void end_list(struct fs_v4_ask *state, enum fs_verdict verdict)
{
    free(state->list->chars);
    free(state->list);
    fs_ledger_ask_end(&state->ask, verdict);
}

static void list_next(struct fs_v4_ask *state);

static void row_done(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                     enum fs_verdict verdict)
{
    struct fs_v4_sale *sale = state->sale;

    if (sum)
        fs_v4_host(sale->worker)->tell_sale(state->ask.op, sum);
    state->sale = NULL;
    fs_v4_sale_leave(sale);
    if (verdict == FS_UNAVAILABLE)
        end_list(state, verdict);
    else
        list_next(state);
}

static void list_next(struct fs_v4_ask *state)
{
    struct fs_v4_worker *worker = (struct fs_v4_worker *)(void *)state->ask.worker;
    struct fs_v4_list *list = state->list;

    if (list->next == list->count) {
        end_list(state, FS_DONE);
        return;
    }
    state->sale = fs_v4_sale_take(worker, list->names[list->next++]);
    if (!state->sale) {
        end_list(state, FS_UNAVAILABLE);
        return;
    }
    fs_v4_sale_use(state->sale);
    fs_v4_sum_begin(state, row_done);
}

/* The names of reply, sorted.  NULL: no memory, or too many. */
static struct fs_v4_list *make_list(const struct fs_reply *reply)
{
    size_t count = reply->item_count;
    struct fs_v4_list *list;
    char *at;

    if (count > FS_LEDGER_SALES_MAX)
        return NULL;
    list = calloc(1, sizeof(*list) + count * sizeof(list->names[0]));
    if (!list)
        return NULL;
    at = list->chars = malloc(count * FS_PRODUCT_LEN_MAX + 1);
    if (!list->chars) {
        free(list);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct fs_text name = reply->items[i].text;

        if (reply->items[i].kind != FS_REPLY_TEXT || name.len > FS_PRODUCT_LEN_MAX)
            continue; /* nothing of ours */
        memcpy(at, name.data, name.len);
        list->names[list->count++] = (struct fs_text){at, name.len};
        at += name.len;
    }
    qsort(list->names, list->count, sizeof(list->names[0]), compare_names);
    return list;
}

static void names_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_ask *state = (struct fs_v4_ask *)(void *)fs_ledger_ask_of(call);

    if (reply->kind != FS_REPLY_LIST) {
        fs_ledger_ask_fail(&state->ask, reply);
        return;
    }
    state->list = make_list(reply);
    if (state->list)
        list_next(state);
    else
        fs_ledger_ask_end(&state->ask, FS_UNAVAILABLE);
}

void fs_v4_list(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state)
{
    char products[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text argv[2] = {FS_LEDGER_TEXT("SMEMBERS")};

    *state = (struct fs_v4_ask){.ask = {.worker = &worker->ledger, .op = op, .trips = 1}};
    argv[1] = fs_ledger_key_write(products, worker->ledger.ledger->prefix, "products");
    state->ask.call.done = names_done;
    fs_v4_host(worker)->store(worker->ledger.loop, &state->ask.call, argv[1], 0, 2, argv);
}
