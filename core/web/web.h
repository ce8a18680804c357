/* The pages of both listeners: static files, embedded at build time. */
#ifndef FS_WEB_WEB_H
#define FS_WEB_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct fs_web_asset {
    const char *path; /* of its URL; NULL ends a table */
    const char *type; /* media type; texts are UTF-8 */
    const char *etag; /* quoted */
    const char *plain, *plain_end;
    const char *gzip, *gzip_end;
};

extern const struct fs_web_asset fs_web_shop[];  /* of the main listener */
extern const struct fs_web_asset fs_web_admin[]; /* of the admin listener */

/* NULL: there is none at this path.  [any] */
const struct fs_web_asset *fs_web_find(const struct fs_web_asset *table, struct fs_text path);

/* The asset's bytes, gzipped or as they are. */
struct fs_text fs_web_bytes(const struct fs_web_asset *asset, bool is_gzip);

#endif
