/* What the order records of a sale say that was sold.
 *
 * A sale of at most audit_max orders is counted by audit.lua, at one instant.  A longer one would stand
 * still for too long: audit.lua gives its counters alone, as of an instant at which its sequence is S,
 * and its records are read in steps while it goes on selling.  A record bears the sequence at which it
 * was sold and the one at which it was cancelled, so what it was at that instant can be told later: it
 * was there when it was sold by S, and cancelled when it was cancelled by S.  HSCAN gives every record
 * that was there when it began at least once; those that it gives twice are told by their names.  The
 * shares of buyers bear no sequence: they are compared by the script only. */
#ifndef FS_LEDGER_COUNT_H
#define FS_LEDGER_COUNT_H

#include "ledger.h"
#include "record.h"

/* A sale, or a shard of one, at one instant. */
struct fs_ledger_count {
    struct fs_ledger_sale sale;
    int64_t units_sold;
    int64_t orders_sold;
    int64_t orders_cancelled;
    int64_t buyers_difference; /* sum over buyers of |counter - their orders|; -1: not compared */
};

enum fs_ledger_counted {
    FS_LEDGER_COUNTED,
    FS_LEDGER_COUNTED_NOT,  /* not answered, or not as it should be */
    FS_LEDGER_COUNTED_NONE, /* there is no such sale */
};

/* One count under way. */
struct fs_ledger_counter {
    struct fs_call call;
    struct fs_ledger_worker *worker;
    struct fs_text orders_key; /* borrowed until done */
    uint32_t trips;            /* made so far */
    struct fs_ledger_count count;
    struct fs_ledger_names_met *met; /* owned; in steps */
    size_t cursor_len;
    char cursor[FS_LEDGER_NUMBER_SIZE];
    /* reply: of FS_LEDGER_COUNTED_NOT, what the store said; NULL: no memory. */
    void (*done)(struct fs_ledger_counter *counter, enum fs_ledger_counted counted,
                 const struct fs_reply *reply);
};

/* Counts what lies under keys, which are borrowed until done is called.  Fills the counter but for
 * its done.  [loop] */
void fs_ledger_count_begin(struct fs_ledger_counter *counter, struct fs_ledger_worker *worker,
                           const struct fs_ledger_keys *keys);

#endif
