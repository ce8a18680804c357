/* What one source said: the texts of the keys it sets, already checked, and where each was said.
 *
 * Values stay texts until they are merged, so a layer is copied and replaced without knowing kinds. */
#ifndef FS_CONFIG_LAYER_H
#define FS_CONFIG_LAYER_H

#include "base/text.h"
#include "config/config.h"

/* One key of one source. */
struct fs_config_entry {
    char *origin; /* owned: "a.yaml:3:5", "--listen"; NULL: this layer says nothing */
    size_t line;  /* of the key in a file; else 0 */
    struct fs_config_texts texts;       /* owned; a scalar is one text */
    struct fs_config_product *products; /* owned */
    size_t product_count;
};

/* One option of the strategy; by name, since layers are merged name by name. */
struct fs_config_layer_option {
    char *name;
    char *value;
    char *origin;
    size_t line;
};

struct fs_config_layer {
    struct fs_config_entry *entries; /* owned: one for each key of the table */
    struct fs_config_layer_option *options;
    size_t option_count;
};

/* A duplicate of a borrowed text, NUL-terminated; NULL: out of memory. */
char *fs_config_text_copy(struct fs_text text);

/* These return 0 or -ENOMEM, and then change nothing. */
int fs_config_texts_add(struct fs_config_texts *texts, struct fs_text text);
int fs_config_texts_copy(const struct fs_config_texts *from, struct fs_config_texts *to);
void fs_config_texts_dispose(struct fs_config_texts *texts);

/* product: its id is given on success. */
int fs_config_products_add(struct fs_config_product **products, size_t *count,
                           const struct fs_config_product *product);
int fs_config_products_copy(const struct fs_config_product *from, size_t from_count,
                            struct fs_config_product **to, size_t *to_count);
void fs_config_products_dispose(struct fs_config_product *products, size_t count);

int fs_config_entry_copy(const struct fs_config_entry *from, struct fs_config_entry *to);
void fs_config_entry_dispose(struct fs_config_entry *entry);

int fs_config_layer_init(struct fs_config_layer *layer);
int fs_config_layer_copy(const struct fs_config_layer *from, struct fs_config_layer *to);
void fs_config_layer_dispose(struct fs_config_layer *layer);

/* The option of this name; NULL: this layer does not set it. */
const struct fs_config_layer_option *fs_config_layer_option(const struct fs_config_layer *layer,
                                                            struct fs_text name);

/* Sets or replaces an option. */
int fs_config_layer_option_set(struct fs_config_layer *layer, struct fs_text name,
                               struct fs_text value, const char *origin, size_t line);

#endif
