/* The API's own description, OpenAPI 3.1. */
#ifndef FS_HTTP_DOCUMENT_H
#define FS_HTTP_DOCUMENT_H

#include <stddef.h>

/* openapi.json, made into C by the build; NUL-terminated, the length without it. */
extern const char fs_http_document[];
extern const size_t fs_http_document_len;

#endif
