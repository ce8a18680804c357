/* SHA-1 is Redis' choice of name for a script; nothing here is secret. */
#include "store/script.h"

#include <openssl/evp.h>

#include "base/text.h"

static bool digest_of(struct fs_text source, char digest[FS_SCRIPT_DIGEST_LEN])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(source.data, source.len, bytes, &len, EVP_sha1(), NULL) != 1 ||
        len * 2 != FS_SCRIPT_DIGEST_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        digest[i * 2] = digits[bytes[i] >> 4];
        digest[i * 2 + 1] = digits[bytes[i] & 15];
    }
    return true;
}

struct fs_script_entry *fs_scripts_find(struct fs_scripts *scripts, const struct fs_script *script)
{
    struct fs_script_entry *entry;

    for (size_t i = 0; i < scripts->count; i++)
        if (scripts->entries[i].script == script)
            return &scripts->entries[i];
    if (scripts->count == FS_STORE_SCRIPTS_MAX)
        return NULL;
    entry = &scripts->entries[scripts->count];
    entry->script = script;
    entry->source = fs_text_of(script->source);
    if (!digest_of(entry->source, entry->digest))
        return NULL;
    scripts->count++;
    return entry;
}
