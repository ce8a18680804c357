/* One value between text and number, by the kind of its key. */
#ifndef FS_CONFIG_VALUE_H
#define FS_CONFIG_VALUE_H

#include "base/text.h"
#include "config/config.h"

/* Checks text against the key's kind, bounds and syntax; where names the place in the message.
 * *number: what a number, bool, enum or time is worth; else 0.  Lists: text is one item.
 * Returns 0, -EINVAL or -ENOMEM. */
int fs_config_value_parse(const struct fs_config_key *key, struct fs_text text, const char *where,
                          int64_t *number, struct fs_config_error *error);

/* Bytes of a number as text, with the NUL. */
#define FS_CONFIG_NUMBER_SIZE 48

/* Writes a number as a user would: "2s", "16KiB", "true", "warning".  Returns text. */
const char *fs_config_value_format(const struct fs_config_key *key, int64_t number,
                                   char text[FS_CONFIG_NUMBER_SIZE]);

/* Adds the names of an enum: "demo, users or jwt". */
void fs_config_value_choices(const struct fs_config_key *key, struct fs_buffer *names);

/* Whether the kind is kept as a number. */
bool fs_config_kind_is_number(enum fs_config_kind kind);

/* The key's field in a struct fs_config (or fs_config_product). */
void fs_config_number_put(const struct fs_config_key *key, void *record, int64_t number);
int64_t fs_config_number_get(const struct fs_config_key *key, const void *record);
char **fs_config_text_field(const struct fs_config_key *key, void *record);
struct fs_config_texts *fs_config_texts_field(const struct fs_config_key *key, void *record);

#endif
