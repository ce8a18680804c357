/* The state of v1 in memory: sales, buyers, orders.
 *
 * A ledger is not locked: the strategy's one mutex guards the live one, and start-up and compaction
 * each have one of their own.  Every change is first checked, then described by a record, then
 * applied from that record; replaying the records of the journal applies them by the same functions,
 * so that a restart cannot come to another state.
 *
 * Tables are arrays of fixed capacity, reserved at init and touched as they fill; slots are given
 * out in order and never move, so texts told to the server may point into them.  The order entries
 * are the truth; the counters of sales and buyers are an index of them, compared by check() and
 * audit(). */
#ifndef FS_V1_LEDGER_H
#define FS_V1_LEDGER_H

#include <flashsale/strategy.h>

#include "hash.h"
#include "index.h"
#include "record.h"

struct fs_v1_sale {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t position; /* of its last record in the journal; 0: on disk since start-up */
    int64_t units_initial;
    int64_t units_restocked;
    int64_t units_left;
    int64_t units_sold;
    int64_t units_per_buyer_max;
    int64_t units_per_order_max;
    int64_t opens_at_ms;
    int64_t closes_at_ms;
    enum fs_sale_state state;
    uint8_t product_len;
    char product[FS_PRODUCT_LEN_MAX];
};

/* A buyer of one sale. */
struct fs_v1_buyer {
    uint64_t epoch;      /* that units belong to */
    int64_t units;       /* had in that epoch, less what was cancelled */
    int64_t units_found; /* scratch of the audit */
    uint32_t sale;
    uint8_t name_len;
    char name[FS_BUYER_LEN_MAX];
};

enum fs_v1_entry { FS_V1_ENTRY_SOLD = 1, FS_V1_ENTRY_CANCELLED, FS_V1_ENTRY_CHANGE };

/* An order, or a change that has a name. */
struct fs_v1_order {
    uint64_t position; /* of its last record in the journal; 0: on disk since start-up */
    uint64_t epoch;
    uint64_t sequence;        /* of the record that made it */
    uint64_t cancel_sequence; /* of the record that cancelled it */
    int64_t units_left;       /* as answered when it was made */
    int64_t made_at_ms;
    int64_t cancelled_at_ms;
    uint64_t digest; /* of a change: what it asked for */
    uint32_t units;
    uint32_t buyer; /* slot; FS_V1_NO_SLOT for a change */
    uint16_t sale;  /* slot */
    uint8_t entry;  /* enum fs_v1_entry */
    uint8_t name_len;
    char name[FS_ORDER_LEN_MAX];
};

struct fs_v1_ledger {
    /* constant after init */
    uint32_t orders_max;
    uint32_t sales_max;
    struct fs_v1_hash_key key;

    /* owned */
    struct fs_v1_sale *sales;
    struct fs_v1_buyer *buyers; /* orders_max: a buyer is made by an order */
    struct fs_v1_order *orders;
    uint16_t *sales_sorted; /* slots in the order of product ids */
    struct fs_v1_index sale_index;
    struct fs_v1_index buyer_index;
    struct fs_v1_index order_index;

    /* changing */
    uint32_t sale_count;
    uint32_t buyer_count;
    uint32_t order_count;
};

/* A request with its hashes, which are worked out before the mutex is taken. */
struct fs_v1_query {
    struct fs_text product;
    struct fs_text buyer;
    struct fs_text order;
    uint64_t product_hash;
    uint64_t buyer_hash; /* of buyer and product */
    uint64_t order_hash;
    uint32_t units;
    int64_t now_ms;
};

/* Where the record of a change goes.  record NULL: there is no room, and what would write answers
 * FS_BUSY instead. */
struct fs_v1_room {
    struct fs_v1_record *record; /* borrowed */
    uint64_t position;           /* that the record will have */
};

/* Why nothing could be written, for the log. */
enum fs_v1_trouble { FS_V1_NO_TROUBLE, FS_V1_ORDERS_FULL, FS_V1_SALES_FULL, FS_V1_UNITS_TOO_MANY };

/* What an answer says must be true of the disk too before it is told, or a crash could make it
 * untrue: after a restart a buyer refused as sold out would find units.  A crash leaves a prefix of
 * the journal, so position is that of the last record the answer rests on:
 *
 *   sold, cancelled, changed           the record just made
 *   replayed, found, KEY_REUSED        the last record of the order
 *   SOLD_OUT, LIMIT_REACHED, CLOSED,   the last record of the sale: it has the stock, the terms and
 *   TOO_MANY, EXISTS,                  the epoch, and all records of a buyer are records of the sale
 *   NOT_CANCELLABLE, a change again
 *   TOO_MANY sales                     the last record of the newest sale
 *   UNKNOWN                            0: nothing is ever deleted, so what is missing now is missing
 *                                      in every prefix too; so is an order that is another's
 *   BUSY, UNAVAILABLE                  0: they say only that nothing was taken
 *   count                              0: runs ahead of the disk, as list() and audit() do.  They
 *                                      promise nothing to anybody, and answer while the disk hangs */
struct fs_v1_decision {
    struct fs_outcome outcome;
    bool wrote;        /* room->record is filled and the state changed */
    uint64_t position; /* the answer stands once the journal is durable up to here; 0: now */
    enum fs_v1_trouble trouble;
    struct fs_sale_info sale;   /* to tell when its state is not 0; text as long as the ledger */
    struct fs_order_info order; /* to tell when its status is not 0; texts as long as the ledger */
};

struct fs_v1_audit {
    struct fs_sale_info sale;
    int64_t orders_sold; /* of this epoch, as are all counts here */
    int64_t orders_cancelled;
    int64_t sold_by_orders;    /* units */
    int64_t buyers_difference; /* sum over buyers of |counter - units of their orders| */
};

/* Returns 0, -ENOMEM, or what getrandom(2) said. */
int fs_v1_ledger_init(struct fs_v1_ledger *ledger, uint32_t orders_max, uint32_t sales_max);
void fs_v1_ledger_dispose(struct fs_v1_ledger *ledger);

/* Fills in the hashes, of the buyer only with a product, and has the index entries fetched into the
 * cache: a miss in front of the mutex holds nobody up.  Reads only what is constant.  [any] */
void fs_v1_ledger_hash(const struct fs_v1_ledger *ledger, struct fs_v1_query *query);

/* Each fills in decision, zeroed before. */
void fs_v1_ledger_purchase(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                           const struct fs_v1_room *room, struct fs_v1_decision *decision);
void fs_v1_ledger_cancel(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         const struct fs_v1_room *room, struct fs_v1_decision *decision);
void fs_v1_ledger_lookup(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         struct fs_v1_decision *decision);
void fs_v1_ledger_count(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                        struct fs_v1_decision *decision);

/* query: product, now_ms, and the name of the change as order. */
void fs_v1_ledger_change(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         const struct fs_sale_change *change, const struct fs_v1_room *room,
                         struct fs_v1_decision *decision);

/* Writes sale_count rows, sorted by product id. */
void fs_v1_ledger_list(const struct fs_v1_ledger *ledger, int64_t now_ms,
                       struct fs_sale_info *rows);

/* Walks all orders: a millisecond or two for each 100,000.  False: no such product. */
bool fs_v1_ledger_audit(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                        struct fs_v1_audit *audit);

/* Applies a record of the journal.  Returns NULL, or a sentence that says why it cannot follow what
 * the ledger holds; the ledger is then of no more use. */
const char *fs_v1_ledger_replay(struct fs_v1_ledger *ledger, const struct fs_v1_record *record);

/* Recomputes every counter from the orders.  Returns NULL, or a sentence that says what differs. */
const char *fs_v1_ledger_check(struct fs_v1_ledger *ledger);

/* What ledger_*.c share */

uint32_t fs_v1_ledger_find_sale(const struct fs_v1_ledger *ledger, uint64_t hash,
                                struct fs_text product);
uint32_t fs_v1_ledger_find_buyer(const struct fs_v1_ledger *ledger, uint64_t hash, uint32_t sale,
                                 struct fs_text name);

/* Orders and changes have names of their own: an order never meets a change. */
uint32_t fs_v1_ledger_find_order(const struct fs_v1_ledger *ledger, uint64_t hash, bool is_change,
                                 struct fs_text name);

/* Take a free slot and index it; the caller has checked that there is one. */
uint32_t fs_v1_ledger_add_sale(struct fs_v1_ledger *ledger, uint64_t hash, struct fs_text product);
uint32_t fs_v1_ledger_add_buyer(struct fs_v1_ledger *ledger, uint64_t hash, uint32_t sale,
                                struct fs_text name);
uint32_t fs_v1_ledger_add_order(struct fs_v1_ledger *ledger, uint64_t hash, struct fs_text name);

void fs_v1_sale_tell(const struct fs_v1_sale *sale, int64_t now_ms, struct fs_sale_info *info);

/* Apply what was checked.  sale: a slot; buyer, order: slots or FS_V1_NO_SLOT for a new one. */
void fs_v1_apply_sold(struct fs_v1_ledger *ledger, const struct fs_v1_query *query, uint32_t sale,
                      uint32_t buyer, const struct fs_v1_record *record);
void fs_v1_apply_cancelled(struct fs_v1_ledger *ledger, struct fs_v1_order *order,
                           const struct fs_v1_record *record);
void fs_v1_apply_changed(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         uint32_t sale, const struct fs_v1_record *record);

/* units_left after a change; -1: more than FS_V1_UNITS_MAX or negative; FS_V1_UNITS_NOT_LEFT: it takes
 * out more than are left. */
int64_t fs_v1_units_after(const struct fs_v1_sale *sale, const struct fs_v1_terms *terms);

#endif
