/* A sale that goes on while another server audits it. */
#ifndef FS_TESTS_LEDGER_MARKET_H
#define FS_TESTS_LEDGER_MARKET_H

#include "world.h"

#define MARKET_AUDITS_MAX 64u
#define MARKET_ROWS 64u

/* An audit of product: rows as the request's. */
struct fs_request market_audit(struct world *asked, const char *product,
                               struct fs_driver_row rows[MARKET_ROWS]);

/* A term of it; INT64_MIN: it is not among them. */
int64_t market_term(const struct fs_request *audit, const char *name);

/* Sells "shoe", which is there, by seller: of each four of order_count orders three are purchases of one
 * unit, of which one is given back.  Meanwhile auditor audits it audit_count times, a part of the
 * orders before each.  Checks that each audit is whole and finds no difference, and that all but two
 * found the sale in the midst. */
void market_sell_and_audit(struct world *seller, struct world *auditor, unsigned order_count,
                           unsigned audit_count);

#endif
