/* Every limit of the server in one place.  A limit that users may move is a configuration key; its
 * hard bounds are here. */
#ifndef FS_BASE_LIMITS_H
#define FS_BASE_LIMITS_H

/* HTTP */
#define FS_BODY_LEN_MAX 4096u /* bytes of a request body; more is 413 */
#define FS_REQUEST_ID_LEN_MAX \
    64u                        /* bytes of an X-Request-Id that is echoed; a longer is replaced */
#define FS_KEY_LEN_MAX 255u    /* bytes of an Idempotency-Key */
#define FS_TOKEN_LEN_MAX 4096u /* bytes of a bearer token */
#define FS_PRODUCTS_MAX 1000u  /* sales in one server: bounds metrics and lists */

/* Auth */
#define FS_USERNAME_LEN_MAX 96u  /* bytes; as long as a buyer */
#define FS_PASSWORD_LEN_MAX 256u /* bytes; more is refused before hashing */

/* Server */
#define FS_WORKERS_MAX 64u
#define FS_LISTENERS_MAX 16u
#define FS_OPS_MAX 1048576u /* upper bound of purchase.in_flight_max, per worker */

/* Log */
#define FS_LOG_LINE_MAX 2048u /* bytes; a longer line is cut and marked */

#endif
