/* What a shard is called in the store. */
#ifndef FS_V4_TAG_H
#define FS_V4_TAG_H

#include "ledger/limits.h"
#include "ledger/text.h"

/* Writes the name of a shard, which is the hash tag of its keys: "shoe/3", or "shoe/3.7" where the
 * number behind the point brings it to the node it is dealt to; "shoe/2/3" in layout 2.  The shards of a product are dealt
 * round over the nodes, from one that its name decides. */
struct fs_text fs_v4_tag_write(char chars[FS_LEDGER_NAME_LEN_MAX], struct fs_text product,
                               uint64_t layout, unsigned shard, unsigned node_count);

/* A buyer's home in the sale of a product: a buyer's orders are looked for there.
 * Where the nodes divide the shards, a buyer's homes in all sales are on the same node. */
unsigned fs_v4_home_of(struct fs_text buyer, struct fs_text product, unsigned shard_count);

#endif
