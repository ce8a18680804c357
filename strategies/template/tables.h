/* What the template keeps: sales, orders, shares of buyers, changes.  Not locked: the caller is. */
#ifndef FS_TEMPLATE_TABLES_H
#define FS_TEMPLATE_TABLES_H

#include <flashsale/strategy.h>

#define FS_TEMPLATE_BUCKETS 65536u /* a power of two */

/* A text of its own, since the server's are only borrowed. */
struct name {
    size_t len;
    char data[FS_BUYER_LEN_MAX];
};

struct sale {
    struct sale *next; /* rising by product */
    struct name product;
    struct fs_sale_info info; /* info.state: as set; the window is judged at each request */
};

struct order {
    struct order *next; /* in its bucket */
    struct sale *sale;
    struct name buyer;
    struct name name;
    struct fs_order_info info; /* without its texts */
};

/* How many units a buyer has of an epoch of a sale. */
struct share {
    struct share *next; /* in its bucket */
    const struct sale *sale;
    uint64_t epoch;
    struct name buyer;
    int64_t units;
};

/* A change that was made, by its name. */
struct change {
    struct change *next; /* in its bucket */
    const struct sale *sale;
    struct name name;
    struct fs_sale_change asked; /* without its texts and its deadline */
};

struct tables {
    struct sale *sales;
    struct order *orders[FS_TEMPLATE_BUCKETS];
    struct share *shares[FS_TEMPLATE_BUCKETS];
    struct change *changes[FS_TEMPLATE_BUCKETS];
};

static inline struct fs_text text_of(const struct name *name)
{
    return (struct fs_text){name->data, name->len};
}

void fs_template_set_name(struct name *name, struct fs_text text);
bool fs_template_is(const struct name *name, struct fs_text text);

/* Each gives NULL when there is none. */
struct sale *fs_template_find_sale(const struct tables *tables, struct fs_text product);
struct order *fs_template_find_order(const struct tables *tables, struct fs_text name);
struct share *fs_template_find_share(const struct tables *tables, const struct sale *sale,
                                     uint64_t epoch, struct fs_text buyer);
struct change *fs_template_find_change(const struct tables *tables, struct fs_text name);

/* What is added is given to the tables.  Cannot fail. */
void fs_template_add_sale(struct tables *tables, struct sale *sale);
void fs_template_add_order(struct tables *tables, struct order *order);
void fs_template_add_share(struct tables *tables, struct share *share);
void fs_template_add_change(struct tables *tables, struct change *change);

void fs_template_dispose(struct tables *tables);

#endif
