/* The audit of one repetition: unknown answers looked up, the ledger read, all compared. */
#ifndef FS_BENCH_VERIFY_H
#define FS_BENCH_VERIFY_H

#include "run/measure.h"
#include "run/server.h"

/* Fills in record->audit, is_audited, unproven and the figures of the audit.  What could not be asked is told as
 * unknown in the report, never as a violation.  Bounded in time.
 * *note: a sentence for people, empty when there is nothing to say.
 * Returns 0 or -ENOMEM; the record is then not audited. */
int fs_verify(const struct fs_bench_server *server, const struct fs_load_result *load,
              const struct fs_prom_page *before, const struct fs_prom_page *after,
              struct fs_record *record, char note[FS_RUN_ERROR_SIZE]);

#endif
