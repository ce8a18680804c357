/* Whether HTTP/2 is guarded with the h2o that is there. */
#ifndef FS_SERVER_HTTP2_PROOF_H
#define FS_SERVER_HTTP2_PROOF_H

#define FS_HTTP2_PROOF_ERROR_SIZE 256

/* Attacks a connection of its own, over a pair of sockets and on a loop and a thread of its own, and
 * looks whether the guard refuses each attack as it should.  Takes a few milliseconds.
 * Returns 0; -EPROTO when h2o is another than this program was built for, or an attack went through;
 * or a negative errno of the system; with a sentence in error.  [main] */
int fs_http2_prove(char error[FS_HTTP2_PROOF_ERROR_SIZE]);

#endif
