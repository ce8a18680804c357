/* YAML into a layer, with the place of everything that is wrong. */
#ifndef FS_CONFIG_YAML_H
#define FS_CONFIG_YAML_H

#include "config/layer.h"

/* Fills an empty layer.  name: what messages call the text.  One document of plain YAML: no anchors,
 * aliases, tags; no key twice.  Returns 0, -EINVAL or -ENOMEM; then layer is to be disposed of. */
int fs_config_yaml_read(struct fs_config_layer *layer, const char *name, struct fs_text text,
                        struct fs_config_error *error);

#endif
