/* Identity of stored data: the manifest of each Redis server.
 *
 * What stored data means depends on options that Redis does not see: the strategy, the number and the
 * order of the servers, the key prefix.  The manifest records them beside the data, one text under the
 * key {prefix}manifest on each independent server, one in all in a Redis Cluster:
 *
 *     flashsale-data 1 ID FAMILY INDEX/COUNT PREFIX
 *
 * ID is random and the same on all servers of one sale data.  A start claims the manifests with
 * " (unused)" behind them; the script that makes the first sale on a server takes that mark away in its
 * own atomic step, and refuses when the manifest is not the caller's.  So of two servers that start on
 * empty stores with different options, whatever their order in time, the second one to make a sale is
 * refused before it makes anything.
 *
 *     manifest of the server             other servers         then
 *     the expected one                   -                     served
 *     unused                             all unused, no data   claimed, also by other options
 *     none, and no sale                  none or unused        claimed
 *     none, and no sale                  one is in use         lost: this server has lost its data
 *     none, and sales                    -                     foreign: written before manifests, adopt
 *     another                            -                     foreign
 */
#ifndef FS_STORE_IDENTITY_H
#define FS_STORE_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>

#include <flashsale/flashsale.h>
#include <flashsale/strategy.h>

#include "store/topology.h"

#define FS_DATA_ID_LEN 32u
#define FS_MANIFEST_SIZE 192 /* of a manifest's text, with its NUL */
#define FS_MANIFEST_UNUSED " (unused)"

enum fs_identity_state {
    FS_IDENTITY_OURS = 0, /* or not checked yet */
    FS_IDENTITY_LOST,     /* the server has no manifest any more */
    FS_IDENTITY_FOREIGN   /* it has another one */
};

struct fs_identity_options {
    const char *family; /* of strategies that read each other's data, "ledger"; NULL: no identity */
    const char *prefix; /* of keys */
    char id[FS_DATA_ID_LEN + 1]; /* that the data folder names; "": none */
    bool is_used;                /* the data folder knows of sales */
    bool may_adopt;              /* writes the manifests whatever is there */
};

/* Shared by all loops. */
struct fs_data_identity {
    /* constant after open */
    unsigned count; /* of manifests: servers, or 1 of a cluster; 0: no identity */
    bool is_cluster;
    bool is_used; /* there were sales when it was opened */
    char id[FS_DATA_ID_LEN + 1];
    char key[80];
    char expected[FS_STORE_NODES_MAX][FS_MANIFEST_SIZE];

    _Atomic int states[FS_STORE_NODES_MAX]; /* enum fs_identity_state */
};

/* Reads the manifests of all servers, claims what may be claimed.  Returns 0, -EINVAL with a sentence
 * that says what is different and which command helps, -EIO.  [main] */
int fs_identity_open(struct fs_data_identity *identity, const struct fs_topology *topology,
                     const struct fs_identity_options *options, uint64_t timeout_us,
                     struct fs_error *error);

/* Judges what a server answers to GET of the key, and records it.  manifest.data NULL: none.  why is
 * filled in where it is not ours.  [any] */
enum fs_identity_state fs_identity_judge(struct fs_data_identity *identity, unsigned index,
                                         struct fs_text manifest, struct fs_error *why);

/* 32 random hexadecimal digits.  Returns 0 or -EIO.  [any] */
int fs_data_id_make(char id[FS_DATA_ID_LEN + 1]);

#endif
