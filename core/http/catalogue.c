/* The products that this loop knows.  Sales are never removed, so the list only grows; it is read
 * anew when an order id fits none of them. */
#include "http/catalogue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/http.h"

#define QUICK_US 500u   /* a list that took no longer is followed by the short pause */
#define MIDDLE_US 1500u /* by the middle one */

struct product {
    uint32_t len;
    char text[FS_PRODUCT_LEN_MAX];
};

struct fs_catalogue {
    struct fs_http *http;     /* borrowed */
    struct product *products; /* owned; grows by doubling */
    size_t product_count;
    size_t product_capacity;
    size_t hint;            /* where the next product of a list is likely to be */
    struct fs_link waiting; /* for the next list */
    struct fs_link served;  /* by the list in flight */
    bool is_refreshing;
    uint64_t took_us;          /* the last list */
    uint64_t asked_at_us;      /* of the list in flight */
    h2o_timeout_entry_t pause; /* linked: until then no other list is asked for */
};

/* Lists come in the same order each time, so the search goes on where the last one ended. */
static bool has(struct fs_catalogue *catalogue, struct fs_text product)
{
    size_t count = catalogue->product_count;

    for (size_t i = 0; i < count; i++) {
        size_t at = (catalogue->hint + i) % count;
        const struct product *known = &catalogue->products[at];

        if (fs_text_equals((struct fs_text){known->text, known->len}, product)) {
            catalogue->hint = at + 1;
            return true;
        }
    }
    return false;
}

void fs_catalogue_add(struct fs_catalogue *catalogue, struct fs_text product)
{
    struct product *added;

    assert(product.len <= FS_PRODUCT_LEN_MAX);
    if (has(catalogue, product) || catalogue->product_count == FS_NAMES_MAX)
        return;
    if (catalogue->product_count == catalogue->product_capacity) {
        size_t capacity = catalogue->product_capacity ? 2 * catalogue->product_capacity : 16;

        added = realloc(catalogue->products, capacity * sizeof(*added));
        if (!added)
            return; /* not known yet: the next list may find room */
        catalogue->products = added;
        catalogue->product_capacity = capacity;
    }
    added = &catalogue->products[catalogue->product_count++];
    memcpy(added->text, product.data, product.len);
    added->len = (uint32_t)product.len;
}

struct fs_text fs_catalogue_candidate(const struct fs_catalogue *catalogue, struct fs_text order_id,
                                      size_t *next)
{
    while (*next < catalogue->product_count) {
        const struct product *known = &catalogue->products[(*next)++];
        struct fs_text product = {known->text, known->len};

        if (fs_order_id_matches(order_id, product))
            return product;
    }
    return (struct fs_text){0};
}

static void on_sale(struct fs_op *op, void *data, const struct fs_sale_info *sale)
{
    (void)op;
    fs_catalogue_add(data, sale->product);
}

static void serve(struct fs_catalogue *catalogue, const struct fs_outcome *outcome)
{
    struct fs_link *link;

    while ((link = fs_link_shift(&catalogue->served)) != NULL) {
        struct fs_catalogue_waiter *waiter =
            FS_CONTAINER_OF(link, struct fs_catalogue_waiter, link);

        waiter->heard(waiter, outcome);
    }
}

static void start(struct fs_catalogue *catalogue);

static void on_end(struct fs_op *op, void *data)
{
    struct fs_catalogue *catalogue = data;
    struct fs_outcome outcome = op->outcome;

    catalogue->is_refreshing = false;
    catalogue->took_us = fs_clock_now_us() - catalogue->asked_at_us;
    serve(catalogue, &outcome);
    start(catalogue);
}

static h2o_timeout_t *pause_after(struct fs_http *http, uint64_t took_us)
{
    if (took_us <= QUICK_US)
        return &http->short_pause;
    return took_us <= MIDDLE_US ? &http->middle_pause : &http->h2o.hundred_ms_timeout;
}

/* One list at a time for all who wait, then a pause ten times as long as a list may take: so ids made
 * up by clients cost the store a tenth of its time at the most. */
static void start(struct fs_catalogue *catalogue)
{
    static const struct fs_op_client client = {.on_end = on_end, .on_sale = on_sale};
    struct fs_http *http = catalogue->http;
    struct fs_op *op;

    if (fs_link_is_alone(&catalogue->waiting) || catalogue->is_refreshing ||
        h2o_timeout_is_linked(&catalogue->pause))
        return;
    h2o_timeout_link(http->h2o.loop, pause_after(http, catalogue->took_us), &catalogue->pause);
    op = fs_op_take(http->ops, FS_OP_LIST, &client, catalogue);
    if (!op)
        return; /* no slot: tried again after the pause */
    fs_link_splice(&catalogue->served, &catalogue->waiting);
    catalogue->is_refreshing = true;
    catalogue->asked_at_us = fs_clock_now_us();
    fs_op_submit(op);
}

static void on_pause_over(h2o_timeout_entry_t *pause)
{
    start(FS_CONTAINER_OF(pause, struct fs_catalogue, pause));
}

void fs_catalogue_refresh(struct fs_catalogue *catalogue, struct fs_catalogue_waiter *waiter)
{
    fs_link_init(&waiter->link);
    fs_link_append(&catalogue->waiting, &waiter->link);
    start(catalogue);
}

void fs_catalogue_give_up(struct fs_catalogue *catalogue)
{
    const struct fs_outcome outcome = {.verdict = FS_UNAVAILABLE};

    fs_link_splice(&catalogue->served, &catalogue->waiting);
    serve(catalogue, &outcome);
}

void fs_catalogue_forget(struct fs_catalogue_waiter *waiter)
{
    fs_link_remove(&waiter->link);
}

int fs_catalogue_create(struct fs_http *http, struct fs_catalogue **created)
{
    struct fs_catalogue *catalogue = calloc(1, sizeof(*catalogue));

    if (!catalogue)
        return -ENOMEM;
    catalogue->http = http;
    catalogue->pause.cb = on_pause_over;
    fs_link_init(&catalogue->waiting);
    fs_link_init(&catalogue->served);
    *created = catalogue;
    return 0;
}

void fs_catalogue_destroy(struct fs_catalogue *catalogue)
{
    if (!catalogue)
        return;
    assert(!catalogue->is_refreshing && fs_link_is_alone(&catalogue->waiting));
    if (h2o_timeout_is_linked(&catalogue->pause))
        h2o_timeout_unlink(&catalogue->pause);
    free(catalogue->products);
    free(catalogue);
}
