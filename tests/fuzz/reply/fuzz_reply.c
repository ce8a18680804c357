/* Any bytes as replies of a store: each complete reply is well formed and readable to its last byte,
 * also when the bytes come in pieces; the rest is refused.
 *
 * The first byte is the length of the pieces, the second the number of replies awaited. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all of a reply, so that a sanitizer sees what does not belong to it. */
static void walk(const struct fs_reply *reply)
{
    bool has_text = reply->kind == FS_REPLY_TEXT || reply->kind == FS_REPLY_ERROR ||
                    reply->kind == FS_REPLY_REFUSED;

    assert(reply->kind >= FS_REPLY_NIL && reply->kind <= FS_REPLY_REFUSED);
    for (size_t i = 0; has_text && i < reply->text.len; i++)
        (void)*(const volatile char *)&reply->text.data[i];
    for (size_t i = 0; reply->kind == FS_REPLY_LIST && i < reply->item_count; i++)
        walk(&reply->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs_reply_reader reader;
    redisReader *hiredis = redisReaderCreate();
    size_t piece = size > 0 && data[0] ? data[0] : SIZE_MAX, at = 2;

    if (!hiredis)
        abort();
    fs_reply_reader_init(&reader);
    fs_reply_reader_attach(&reader, hiredis);
    reader.awaited = size > 1 ? data[1] : 0;
    while (at < size) {
        size_t len = piece < size - at ? piece : size - at;
        void *object = NULL;
        int rc = redisReaderFeed(hiredis, (const char *)data + at, len);

        at += len;
        while (rc == REDIS_OK && (rc = redisReaderGetReply(hiredis, &object)) == REDIS_OK && object)
            walk(fs_reply_reader_take(&reader, object));
        if (rc != REDIS_OK)
            break;
        fs_reply_reader_recycle(&reader);
    }
    fs_reply_reader_detach(&reader);
    redisReaderFree(hiredis);
    fs_reply_reader_dispose(&reader);
    return 0;
}
