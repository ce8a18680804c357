/* How often somebody may guess wrongly: failed log-ins per account and per address.
 *
 * Memory is fixed and nothing is ever evicted, so no flood of other names can reset an account.  The
 * table is a count-min sketch (Cormode and Muthukrishnan, 2005): each account and each address owns
 * one cell in each of 4 rows, chosen by a keyed hash, and shares them with others.  The smallest of
 * its four counts is never below its true count, so nobody gets more guesses than allowed; under a
 * flood of some hundred thousand failures an hour, from ten thousand addresses or more, others may
 * be refused wrongly.  A cell counts in slices of 5 minutes and sums the last 13 of them, which
 * cover every window of an hour. */
#ifndef FS_AUTH_LIMITER_H
#define FS_AUTH_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define FS_LIMITER_ROWS 4

#define FS_LIMITER_KNOWN_S 2592000u /* 30 days */

struct fs_limiter;

/* An attempt under way: counted as a failure until it is settled. */
struct fs_limiter_claim {
    uint64_t slice;
    bool has_account, has_address;
    uint64_t pair; /* of account and address, 0: not of both */
    uint32_t account_cells[FS_LIMITER_ROWS];
    uint32_t address_cells[FS_LIMITER_ROWS];
};

/* account_max, address_max: failures an hour of one account and of one address, 1 or more; an
 * address may be a whole office behind one, so it is given more.  Returns 0, -ENOMEM or -EIO (no random bytes).  [main] */
int fs_limiter_create(unsigned account_max, unsigned address_max, struct fs_limiter **limiter);
void fs_limiter_destroy(struct fs_limiter *limiter);

void fs_limiter_set_max(struct fs_limiter *limiter, unsigned account_max,
                        unsigned address_max); /* [any] */

/* Whether an attempt may be made now; claims nothing.  account and address: "" is not counted.  An
 * IPv6 address counts as its /64, an IPv4-mapped one as IPv4.  now_us: fs_clock_now_us().
 * Returns 0, or -EBUSY with the seconds until one may be made.  [any] */
int fs_limiter_check(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                     uint64_t now_us, unsigned *retry_after_s);

/* As check, and counts the attempt: claims made at once never exceed the limit.  On success settle
 * the claim.  [any] */
int fs_limiter_claim(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                     uint64_t now_us, struct fs_limiter_claim *claim, unsigned *retry_after_s);

/* Remembers that the account was logged in to from the address: for FS_LIMITER_KNOWN_S the account's own
 * limit does not hold for that address, whose limit does.  [any] */
void fs_limiter_know(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                     uint64_t now_us);

/* Ends that: a log-in failed there.  [any] */
void fs_limiter_forget(struct fs_limiter *limiter, struct fs_text account, struct fs_text address);

/* failed: the attempt stays counted; else it never was.  [any] */
void fs_limiter_settle(struct fs_limiter *limiter, const struct fs_limiter_claim *claim,
                       bool failed);

#endif
