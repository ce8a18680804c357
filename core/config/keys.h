/* The table of keys, and how names are found in it. */
#ifndef FS_CONFIG_KEYS_H
#define FS_CONFIG_KEYS_H

#include "base/text.h"
#include "config/config.h"

/* Bytes of a path as users may write it, with the NUL. */
#define FS_CONFIG_PATH_SIZE 132

/* The key of exactly this path; NULL: there is none. */
const struct fs_config_key *fs_config_key_find(struct fs_text path);

/* The position of key in the table. */
size_t fs_config_key_index(const struct fs_config_key *key);

/* The first key of a section such as "purchase"; NULL: no such section. */
const struct fs_config_key *fs_config_section_find(struct fs_text name);

/* The keys of an item of products; paths begin with "products.". */
const struct fs_config_key *fs_config_product_keys(size_t *count);

/* Writes "FLASHSALE_PURCHASE_DEADLINE" for the key. */
void fs_config_key_variable(const struct fs_config_key *key, char name[FS_CONFIG_PATH_SIZE]);

/* The path, section or product key that a mistyped one was probably meant to be; NULL: none is near.
 * products: search the keys of products instead. */
const char *fs_config_suggest(struct fs_text mistyped, bool products,
                              char suggestion[FS_CONFIG_PATH_SIZE]);

#endif
