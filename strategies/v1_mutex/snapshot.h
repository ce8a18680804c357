/* A ledger as a file: a header and one row for each sale, buyer and order, little-endian, each with a
 * CRC-32C of its own.  A row that is damaged, missing or too many is noticed. */
#ifndef FS_V1_SNAPSHOT_H
#define FS_V1_SNAPSHOT_H

#include "folder.h"
#include "ledger.h"

/* Writes snapshot-<number>.snap: into a file beside it, synced, renamed, folder synced.  position: of
 * the last record in the ledger.  A failed write or sync ends the process; -ENOMEM. */
int fs_v1_snapshot_write(const struct fs_v1_folder *folder, uint64_t number,
                         const struct fs_v1_ledger *ledger, uint64_t position);

/* Fills an empty ledger.  Returns 0, or -EBADMSG or another errno after logging what is wrong; the
 * ledger is then of no more use. */
int fs_v1_snapshot_load(const struct fs_v1_folder *folder, uint64_t number,
                        struct fs_v1_ledger *ledger, uint64_t *position);

#endif
