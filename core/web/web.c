/* Looks up embedded files by their path. */
#include "web/web.h"

const struct fs_web_asset *fs_web_find(const struct fs_web_asset *table, struct fs_text path)
{
    for (; table->path; table++)
        if (fs_text_equals(fs_text_of(table->path), path))
            return table;
    return NULL;
}

struct fs_text fs_web_bytes(const struct fs_web_asset *asset, bool is_gzip)
{
    return is_gzip ? (struct fs_text){asset->gzip, (size_t)(asset->gzip_end - asset->gzip)}
                   : (struct fs_text){asset->plain, (size_t)(asset->plain_end - asset->plain)};
}
