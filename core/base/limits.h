/* Every limit of the server in one place.  A limit that users may move is a configuration key; its
 * hard bounds are here. */
#ifndef FS_BASE_LIMITS_H
#define FS_BASE_LIMITS_H

/* HTTP */
#define FS_BODY_LEN_MAX 4096u /* bytes of a request body; more is 413 */
#define FS_REQUEST_ID_LEN_MAX \
    64u                         /* bytes of an X-Request-Id that is echoed; a longer is replaced */
#define FS_HEAD_LEN_MAX 32768u  /* bytes of a request's head; more is closed by the sweep */
#define FS_BODY_READ_MAX 16384u /* bytes of a body read in full so that 413 can be answered */
#define FS_HTTP2_STREAMS_MAX 100u      /* requests at once on one connection */
#define FS_HTTP2_BLOCK_LEN_MAX 16384u  /* bytes of a request's headers, compressed */
#define FS_HTTP2_FIELDS_MAX 100u       /* headers of a request; as many as on HTTP/1 */
#define FS_HTTP2_RESETS_MAX 90u        /* of one connection at once ... */
#define FS_HTTP2_RESETS_PER_SECOND 1u  /* ... and so many given back: no hundred in ten seconds */
#define FS_HTTP2_IDLE_FRAMES_MAX 1000u /* frames at once that ask for nothing ... */
#define FS_HTTP2_IDLE_FRAMES_PER_SECOND 100u /* ... and so many given back by time */
#define FS_HTTP2_IDLE_FRAMES_PER_REQUEST 20u /* and by each request */
#define FS_HTTP2_NOTICE_US 100000u /* from the notice of a shutdown to the last stream served */
#define FS_SEND_BUFFER_LEN 32768 /* bytes of a buyer's connection; the kernel takes twice as much */
#define FS_ADMIN_CONNECTIONS_MAX 256u /* open at once on the admin listener */
#define FS_UNITS_MAX 1000000000000    /* units of a sale, a restock or a limit */
#define FS_KEY_LEN_MAX 255u           /* bytes of an Idempotency-Key */
#define FS_TOKEN_LEN_MAX 16384u       /* bytes of a bearer token */
#define FS_OPERATOR_LEN_MAX 64u       /* bytes of an X-Operator */
#define FS_PRODUCTS_MAX 1000u         /* sales that may be created */
#define FS_NAMES_MAX 4096u            /* of them and of deleted ones: bounds metrics and lists */
#define FS_SHARD_ROWS_MAX 32000u      /* shards of them that a scrape shows */

/* Auth */
#define FS_USERNAME_LEN_MAX 96u  /* bytes; as long as a buyer */
#define FS_PASSWORD_LEN_MAX 256u /* bytes; more is refused before hashing */
#define FS_SECRET_LEN_MIN 32u    /* bytes of a key that signs tokens */
#define FS_KEY_FILE_LEN_MAX 16384u
#define FS_SERVICES_MAX 256u             /* tokens of services */
#define FS_SERVICE_NAME_LEN_MAX 64u      /* bytes */
#define FS_KEYS_MAX 32u                  /* keys that one set of them may hold */
#define FS_JWKS_LEN_MAX 262144u          /* bytes of a JSON Web Key Set */
#define FS_JWKS_FETCH_TIMEOUT_MS 5000u   /* of one fetch of it */
#define FS_JWKS_SPAN_US 300000000u       /* between two fetches, when nobody asks */
#define FS_JWKS_SPAN_MIN_US 1000000u     /* between two fetches, whoever asks */
#define FS_JWKS_WATCH_US 1000000u        /* between two looks at a file */
#define FS_JWKS_WAITS_MAX 4096u          /* requests that wait for keys; more are 503 */
#define FS_USERS_FILE_LEN_MAX 67108864u  /* bytes; half a million users */
#define FS_BCRYPT_COST_MAX 15u           /* a log-in of about 2 s */
#define FS_YESCRYPT_MEMORY_MAX 67108864u /* bytes that one log-in may take */
#define FS_LOGIN_THREADS_MAX 16u
#define FS_TOKEN_CACHE_MAX 1048576u /* tokens that one worker remembers */

/* Server */
#define FS_WORKERS_MAX 64u
#define FS_LISTENERS_MAX 16u
#define FS_ACCEPTS_PER_TURN_MAX 64u /* connections a listener takes in one turn of its loop */
#define FS_AUDIT_SPAN_US 25000000u  /* until an audit is answered: it walks every order */
#define FS_ADMIN_OPS_MAX 1024u      /* requests in flight on the admin's loop */
#define FS_OPS_MAX 1048576u         /* upper bound of purchase.in_flight_max, per worker */
#define FS_QUANTITY_MAX 1000000u    /* upper bound of purchase.max_quantity */
#define FS_RECENT_ORDERS 16384u     /* names of orders that each loop remembers, 8 bytes each */
#define FS_RECENT_WAYS 4u           /* slots that compete for one name's place */

/* Configuration */
#define FS_CONFIG_FILE_LEN_MAX 1048576u  /* bytes of a file; more is refused */
#define FS_CONFIG_VALUE_LEN_MAX 4096u    /* bytes of one value: as long as a path */
#define FS_CONFIG_LIST_MAX 64u           /* Redis servers */
#define FS_CONFIG_OPTIONS_MAX 64u        /* options of a strategy */
#define FS_CONFIG_UNITS_MAX 1000000000ll /* units of a sale: exact also in a Redis script */

/* Store */
#define FS_STORE_NODES_MAX 64u            /* Redis servers; as many as FS_CONFIG_LIST_MAX */
#define FS_STORE_ADDRESSES_MAX 4u         /* that one host name resolves to; tried in turn */
#define FS_STORE_SENTINELS_MAX 8u         /* that one address names */
#define FS_STORE_SCRIPTS_MAX 64u          /* different scripts of one strategy */
#define FS_STORE_WORDS_MAX 16384u         /* words of one command */
#define FS_STORE_COMMAND_LEN_MAX 8388608u /* bytes of one command */
#define FS_STORE_REPLY_LEN_MAX 16777216u  /* bytes of a reply, as it comes and as it is kept */
#define FS_STORE_REPLY_DEPTH_MAX 7u       /* lists within lists: as many as hiredis 0.14 reads */
#define FS_STORE_IN_FLIGHT_MAX 65536u     /* upper bound of in_flight_max, per node and loop */

/* Log */
#define FS_LOG_LINE_MAX 2048u      /* bytes; a longer line is cut and marked */
#define FS_LOG_BUFFER_LEN 1048576u /* bytes of lines that wait to be written; more is dropped */
#define FS_ACCESS_LOG_BUFFER_LEN 4194304u /* likewise, of the access log */

#endif
