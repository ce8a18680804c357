/* The bodies of PUT and PATCH /admin/products/{product}. */
#ifndef FS_HTTP_CHANGE_BODY_H
#define FS_HTTP_CHANGE_BODY_H

#include "base/text.h"

/* Fills in all of change but product, change and deadline.  is_put: creates or resets, "stock" must
 * be there; else updates, at least one field must be there.
 * Returns 0; -EINVAL with a sentence in detail.  [any] */
int fs_change_body_read(struct fs_text body, bool is_put, struct fs_sale_change *change,
                        struct fs_buffer *detail);

#endif
