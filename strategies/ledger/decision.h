/* What decide.lua says of each op of a batch. */
#ifndef FS_LEDGER_DECISION_H
#define FS_LEDGER_DECISION_H

#include <flashsale/strategy.h>

struct fs_ledger_op;

/* The codes of a decision, besides enum fs_verdict. */
enum {
    FS_LEDGER_REPLAYED = 100, /* added to FS_DONE */
    FS_LEDGER_STATE = 200,    /* added to enum fs_sale_state */
    FS_LEDGER_FOREIGN = 305,  /* of a change: the sale or its store is of other sale data */
    FS_LEDGER_FROZEN = 300,
    FS_LEDGER_LATE = 301
};

struct fs_ledger_decision {
    int64_t code;
    int64_t units_left;    /* after it; -1: not known */
    int64_t sequence;      /* of it, or of the sale where nothing was changed */
    struct fs_text record; /* borrowed from the reply; empty: none was told */
};

/* Where in a whole reply. */
enum {
    FS_LEDGER_REPLY_EPOCH,
    FS_LEDGER_REPLY_NOW,
    FS_LEDGER_REPLY_SEQUENCE,
    FS_LEDGER_REPLY_LEFT,
    FS_LEDGER_REPLY_CODES,
    FS_LEDGER_REPLY_RECORDS /* the first of those that there are */
};

#define FS_LEDGER_LETTER_FROZEN 'F' /* among the codes of a reply */

/* Whether reply is decide.lua's for count ops. */
bool fs_ledger_reply_is_whole(const struct fs_reply *reply, uint32_t count);

/* Writes the decision on each of count ops, linked from first, to decisions: where the store was told
 * sequence and units left once, before the batch, each op's follow from the decisions before it.
 * reply is whole.  False: a letter or a record is none. */
bool fs_ledger_reply_read(const struct fs_reply *reply, const struct fs_ledger_op *first,
                          struct fs_ledger_decision *decisions);

#endif
