/* The ledgers as the server's own audit tells them. */
#ifndef FS_AUDIT_LEDGER_H
#define FS_AUDIT_LEDGER_H

#include <jansson.h>

#include "audit/ask.h"
#include "audit/audit.h"

/* Reads the answer of GET /admin/products/{id}/audit.  Returns 0, or -EINVAL when it lacks a term that
 * every ledger has. */
int fs_ledger_parse(const json_t *answer, struct fs_ledger_terms *terms);

/* Asks once.  Returns 0; -EPROTO and a sentence when there is no useful answer: terms->known is false
 * then. */
int fs_ledger_read(struct fs_asker *admin, const char *product, struct fs_ledger_terms *terms,
                   char *problem, size_t problem_size);

/* What buyers are shown: GET /inventory/{id}.  Returns 0 with the units, or -EPROTO: no useful answer. */
int fs_ledger_read_shown(struct fs_asker *shop, const char *product, int64_t *units);

bool fs_ledger_is_same(const struct fs_ledger_terms *a, const struct fs_ledger_terms *b);

#endif
