/* The tables of the template: found by hash, never shrinking, freed as a whole. */
#include "tables.h"

#include <stdlib.h>
#include <string.h>

void fs_template_set_name(struct name *name, struct fs_text text)
{
    name->len = text.len;
    memcpy(name->data, text.data, text.len);
}

bool fs_template_is(const struct name *name, struct fs_text text)
{
    return name->len == text.len && memcmp(name->data, text.data, text.len) == 0;
}

/* FNV-1a */
static size_t bucket_of(struct fs_text text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32) & (FS_TEMPLATE_BUCKETS - 1);
}

struct sale *fs_template_find_sale(const struct tables *tables, struct fs_text product)
{
    struct sale *sale = tables->sales;

    while (sale && !fs_template_is(&sale->product, product))
        sale = sale->next;
    return sale;
}

struct order *fs_template_find_order(const struct tables *tables, struct fs_text name)
{
    struct order *order = tables->orders[bucket_of(name)];

    while (order && !fs_template_is(&order->name, name))
        order = order->next;
    return order;
}

struct share *fs_template_find_share(const struct tables *tables, const struct sale *sale,
                                     uint64_t epoch, struct fs_text buyer)
{
    struct share *share = tables->shares[bucket_of(buyer)];

    while (share &&
           !(share->sale == sale && share->epoch == epoch && fs_template_is(&share->buyer, buyer)))
        share = share->next;
    return share;
}

struct change *fs_template_find_change(const struct tables *tables, struct fs_text name)
{
    struct change *change = tables->changes[bucket_of(name)];

    while (change && !fs_template_is(&change->name, name))
        change = change->next;
    return change;
}

void fs_template_add_sale(struct tables *tables, struct sale *sale)
{
    struct sale **place = &tables->sales;

    for (; *place; place = &(*place)->next) {
        size_t len =
            sale->product.len < (*place)->product.len ? sale->product.len : (*place)->product.len;
        int order = memcmp(sale->product.data, (*place)->product.data, len);

        if (order < 0 || (order == 0 && sale->product.len < (*place)->product.len))
            break;
    }
    sale->next = *place;
    *place = sale;
}

void fs_template_add_order(struct tables *tables, struct order *order)
{
    struct order **bucket = &tables->orders[bucket_of(text_of(&order->name))];

    order->next = *bucket;
    *bucket = order;
}

void fs_template_add_share(struct tables *tables, struct share *share)
{
    struct share **bucket = &tables->shares[bucket_of(text_of(&share->buyer))];

    share->next = *bucket;
    *bucket = share;
}

void fs_template_add_change(struct tables *tables, struct change *change)
{
    struct change **bucket = &tables->changes[bucket_of(text_of(&change->name))];

    change->next = *bucket;
    *bucket = change;
}

/* Every kind of member begins with its next. */
static void free_list(void *first)
{
    while (first) {
        void *next = *(void **)first;

        free(first);
        first = next;
    }
}

void fs_template_dispose(struct tables *tables)
{
    for (size_t i = 0; i < FS_TEMPLATE_BUCKETS; i++) {
        free_list(tables->orders[i]);
        free_list(tables->shares[i]);
        free_list(tables->changes[i]);
    }
    free_list(tables->sales);
}
