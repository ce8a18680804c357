/* Connections that begin with a PROXY header. */
#ifndef FS_HTTP_PROXY_ACCEPT_H
#define FS_HTTP_PROXY_ACCEPT_H

#include "http/http.h"

/* Waits for the header, sets the connection's peer to the client that it names, and then calls go_on.
 * Closes the socket when no header comes within h2o's handshake timeout, or it is none, or the client
 * has too many connections.  [loop] */
void fs_proxy_accept(h2o_accept_ctx_t *accept, h2o_socket_t *socket,
                     void (*go_on)(h2o_accept_ctx_t *accept, h2o_socket_t *socket));

#endif
