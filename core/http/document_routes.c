/* GET /openapi.json, on both listeners: what can be asked, for people's tools. */
#include "http/routes.h"

#include "http/document.h"

void fs_serve_document(struct fs_exchange *exchange)
{
    const struct fs_text document = {fs_http_document, fs_http_document_len};

    fs_exchange_reply(exchange, 200, FS_TEXT("application/json"), document);
}
