/* One checked value into one entry: what file, environment, flags and defaults have in common. */
#ifndef FS_CONFIG_ASSIGN_H
#define FS_CONFIG_ASSIGN_H

#include "config/layer.h"

/* The default of every field of a product, its id NULL. */
struct fs_config_product fs_config_product_default(void);

/* Adds a text (the value of a scalar, an item of a list, or a product as "id" or "id:stock") after
 * checking it.  where names the place in messages.  Returns 0, -EINVAL or -ENOMEM; then the entry is
 * as before. */
int fs_config_assign(const struct fs_config_key *key, struct fs_config_entry *entry,
                     struct fs_text text, const char *where, struct fs_config_error *error);

/* As above with a whole value; lists and products are separated by commas, and empty when text is.
 * On failure some items may have been added. */
int fs_config_assign_all(const struct fs_config_key *key, struct fs_config_entry *entry,
                         struct fs_text text, const char *where, struct fs_config_error *error);

/* Adds a product; its id is given on success, and may not be there yet. */
int fs_config_assign_product(const struct fs_config_key *key, struct fs_config_entry *entry,
                             const struct fs_config_product *product, const char *where,
                             struct fs_config_error *error);

/* Checks and sets one option. */
int fs_config_assign_option(struct fs_config_layer *layer, struct fs_text name,
                            struct fs_text value, const char *where, const char *origin,
                            size_t line, struct fs_config_error *error);

#endif
