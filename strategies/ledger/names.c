/* The set of names: asking for it, and putting one in. */
#include "names.h"

#include <stdlib.h>

#include "scripts.h"

static int compare(const void *a, const void *b)
{
    const struct fs_text *left = a;
    const struct fs_text *right = b;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, len);

    if (order != 0)
        return order;
    return (left->len > right->len) - (left->len < right->len);
}

void fs_ledger_names_ask(struct fs_ledger_worker *worker, struct fs_call *call)
{
    char products[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text argv[2] = {FS_LEDGER_TEXT("SMEMBERS")};

    argv[1] = fs_ledger_key_write(products, worker->ledger->prefix, "products");
    worker->ledger->host->store(worker->loop, call, argv[1], 0, 2, argv);
}

void fs_ledger_names_add(struct fs_ledger_worker *worker, struct fs_call *call, struct fs_text name,
                         uint64_t deadline_us)
{
    char products[FS_LEDGER_KEY_LEN_MAX];
    char number[FS_LEDGER_NUMBER_SIZE];
    const struct fs_text argv[] = {
        fs_ledger_key_write(products, worker->ledger->prefix, "products"), name,
        fs_ledger_number(number, FS_LEDGER_SALES_MAX)};

    worker->ledger->host->script(worker->loop, call, &fs_ledger_name, deadline_us, 1, 3, argv);
}

static void drop_doubles(struct fs_ledger_names *names)
{
    size_t count = 0;

    for (size_t i = 0; i < names->count; i++)
        if (count == 0 || !fs_ledger_same(names->list[i], names->list[count - 1]))
            names->list[count++] = names->list[i];
    names->count = count;
}

struct fs_ledger_names *fs_ledger_names_read(struct fs_ledger *ledger, const struct fs_reply *reply,
                                             size_t max)
{
    size_t room = reply->item_count + FS_LEDGER_EPOCHS_MAX;
    struct fs_ledger_names *names;
    char *at;

    if (reply->item_count > max)
        return NULL;
    names = calloc(1, sizeof(*names) + room * sizeof(names->list[0]));
    if (!names)
        return NULL;
    at = names->chars = malloc(room * FS_PRODUCT_LEN_MAX);
    if (!names->chars) {
        free(names);
        return NULL;
    }
    for (size_t i = 0; i < reply->item_count; i++) {
        struct fs_text name = reply->items[i].text;

        if (reply->items[i].kind != FS_REPLY_TEXT || name.len > FS_PRODUCT_LEN_MAX)
            continue;
        memcpy(at, name.data, name.len);
        names->list[names->count++] = (struct fs_text){at, name.len};
        at += name.len;
    }
    names->count +=
        fs_ledger_known_sales(ledger, at, names->list + names->count, FS_LEDGER_EPOCHS_MAX);
    qsort(names->list, names->count, sizeof(names->list[0]), compare);
    drop_doubles(names);
    return names;
}

void fs_ledger_names_destroy(struct fs_ledger_names *names)
{
    free(names->chars);
    free(names);
}

size_t fs_ledger_names_find(const struct fs_ledger_names *names, struct fs_text name)
{
    const struct fs_text *found =
        bsearch(&name, names->list, names->count, sizeof(names->list[0]), compare);

    return found ? (size_t)(found - names->list) : names->count;
}
