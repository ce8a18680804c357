/* Shops on another origin: what a browser wants to be told before a script may ask us. */
#ifndef FS_HTTP_CORS_H
#define FS_HTTP_CORS_H

#include "http/exchange.h"

/* Adds what lets a script of the request's origin read the answer; nothing where no origins are
 * configured.  Credentials are never allowed: tokens travel in Authorization.  [loop] */
void fs_cors_add(struct fs_exchange *exchange);

/* Answers a preflight request.  False: it is none, or no origins are configured.  [loop] */
bool fs_cors_preflight(struct fs_exchange *exchange);

#endif
