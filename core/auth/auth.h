/* Who asks: log-ins, tokens, and the limits on guessing.
 *
 * struct fs_auth is one server's, shared by its loops and immutable but for the log-in limiter and
 * what a reload swaps; struct fs_auth_cache is one loop's. */
#ifndef FS_AUTH_AUTH_H
#define FS_AUTH_AUTH_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/text.h"

/* Signature algorithms, as bits; HS256 needs a secret, the others a public key. */
enum fs_auth_algorithm {
    FS_AUTH_HS256 = 1,
    FS_AUTH_RS256 = 2,
    FS_AUTH_RS384 = 4,
    FS_AUTH_RS512 = 8,
    FS_AUTH_PS256 = 16,
    FS_AUTH_ES256 = 32,
    FS_AUTH_ES384 = 64,
    FS_AUTH_EDDSA = 128
};
#define FS_AUTH_PUBLIC_ALGORITHMS 254u /* all but HS256 */

/* The bit of an algorithm such as "EdDSA"; 0: not supported.  [any] */
unsigned fs_auth_algorithm_bit(const char *name);

/* As struct fs_config's keys of the same names (auth is below config and may not include it): the
 * server fills this in.  Borrowed for create and reload. */
struct fs_auth_options {
    enum { FS_AUTH_OPTIONS_DEMO = 1, FS_AUTH_OPTIONS_USERS, FS_AUTH_OPTIONS_JWT } mode;
    const char *demo_password;
    const char *users_file; /* htpasswd format: name:hash, bcrypt or yescrypt; # comments */
    uint64_t token_ttl_us;
    const char *token_key_file; /* secret of the tokens we make; made 0600 when missing */
    bool token_key_is_ours;     /* in the data folder: readable by its owner only */
    unsigned jwt_algorithms;    /* bits of FS_AUTH_HS256 and so on: HS256 alone, or others */
    const char *jwt_key_file;   /* secret, or PEM public keys; "": a key set */
    const char *jwks_file;      /* JSON Web Key Set, watched; "": none */
    const char *jwks_url;       /* likewise, fetched; "": none */
    const char *jwt_issuer;     /* "": not checked */
    const char *jwt_audience;   /* "": not checked */
    const char *buyer_claim;    /* "": sub */
    uint64_t leeway_us;         /* mode jwt: for exp, nbf and iat */
    const char *service_file;   /* service tokens; "": none */
    unsigned login_threads;
    unsigned login_queue_max;
    unsigned login_failures_max;         /* an hour, for each account */
    unsigned login_failures_address_max; /* an hour, for each address */
};

struct fs_auth;
struct fs_auth_cache;
struct fs_services; /* auth/service.h */

#define FS_AUTH_ERROR_SIZE 512

/* Starts the login threads in mode users.
 * Returns 0; -EINVAL, -ENOENT, -EACCES, -EIO, -ENOMEM with a sentence in error (file and line for a
 * users file).  Keys shorter than 32 bytes, secrets that group or others can read, users files that
 * others can read, hashes of other kinds and duplicate users are refused.
 * log: borrowed until destroy.  [main] */
int fs_auth_create(const struct fs_auth_options *options, struct fs_log *log, struct fs_auth **auth,
                   char error[FS_AUTH_ERROR_SIZE]);
void fs_auth_destroy(struct fs_auth *auth); /* no log-in is under way.  [main] */

/* Reads users, keys, claims to check, token_ttl, demo password and the two login_failures anew; threads
 * and queue stay as they are.  On failure nothing changes; -EINVAL also for another mode.  Tokens
 * signed with a key that went away stop being accepted, and so do those of users that went away
 * (caches notice by a generation).  [any], one at a time */
int fs_auth_reload(struct fs_auth *auth, const struct fs_auth_options *options,
                   char error[FS_AUTH_ERROR_SIZE]);

/* capacity: tokens, 0 for none; 256 bytes for each, 1,024 in mode jwt, where longer tokens take the
 * place of several.  Memory is touched only as tokens come.  Returns 0 or -ENOMEM.  [main] */
int fs_auth_cache_create(struct fs_auth *auth, unsigned capacity, struct fs_auth_cache **cache);
void fs_auth_cache_destroy(struct fs_auth_cache *cache);

/* Verifies a bearer token.  wall_s: Unix seconds now.  On success *buyer is at most FS_BUYER_LEN_MAX
 * bytes, borrowed until the next call with this cache; else fs_auth_why() says which check failed.
 * Returns 0; -EACCES (bad signature, algorithm, form, claims), -ETIME (expired), -ENOKEY (no key of the
 * identity provider fits: fs_auth_await_keys() may help).  [loop] */
int fs_auth_verify(struct fs_auth *auth, struct fs_auth_cache *cache, struct fs_text token,
                   int64_t wall_s, struct fs_text *buyer);

/* Why the last token that this cache was asked for was refused: a sentence, static.  [loop] */
const char *fs_auth_why(const struct fs_auth_cache *cache);

/* A letter of auth to a loop: its owner calls fs_auth_delivered() with each link. */
struct fs_auth_letter {
    struct fs_link link;
    void (*done)(struct fs_auth_letter *letter); /* [loop] */
};

/* A request that waits for the identity provider's keys to be read again.  The caller owns it and
 * keeps it in place until letter.done() has run. */
struct fs_key_wait {
    struct fs_auth_letter letter; /* done: given by the caller */
    struct fs_mailbox *mailbox;   /* of the loop */
    int result; /* 0: they were read after the wait began; else a negative errno: they were not */
};

/* Has the keys read again, off the loop and at most once in FS_JWKS_SPAN_MIN_US for all requests.
 * Returns 0: letter.done() runs later on the loop; -ENOBUFS when too many wait; -ENOENT where keys are
 * of a file that a reload reads.  [loop] */
int fs_auth_await_keys(struct fs_auth *auth, struct fs_key_wait *wait);

/* For each letter taken from the mailbox: runs done().  [loop] */
void fs_auth_delivered(struct fs_link *letter);

/* The identity provider's keys, for metrics: zeroes where there is no key set.  [any] */
struct fs_key_source_figures {
    uint64_t failures; /* reads and fetches without success */
    uint64_t age_us;   /* since the last that succeeded */
    bool has_source;
};
struct fs_key_source_figures fs_auth_key_figures(const struct fs_auth *auth);

/* What a service may do. */
enum fs_scope {
    FS_SCOPE_ORDERS_READ = 1,
    FS_SCOPE_ORDERS_CONFIRM = 2,
    FS_SCOPE_ORDERS_CANCEL = 4,
    FS_SCOPE_ORDERS_PURCHASE = 8,
    FS_SCOPE_FEED_READ = 16,
    FS_SCOPE_ADMIN = 32
};

struct fs_service {
    char name[FS_SERVICE_NAME_LEN_MAX + 1];
    unsigned scopes; /* bits of enum fs_scope */
};

/* "orders:read" for its bit.  [any] */
const char *fs_scope_name(enum fs_scope scope);

/* The service whose token this is.  Costs a hash; returns false when it is nobody's.  [any] */
bool fs_auth_find_service(struct fs_auth *auth, struct fs_text token, struct fs_service *service);

/* A log-in under way.  The caller owns it and keeps it in place until done() has run, also when its
 * client has left. */
enum fs_login_result {
    FS_LOGIN_OK = 1,
    FS_LOGIN_BAD_CREDENTIALS, /* unknown user and wrong password cost and look the same */
    FS_LOGIN_LIMITED,    /* too many failures of this account or address, or the queue is full */
    FS_LOGIN_UNSUPPORTED /* mode jwt: tokens come from elsewhere */
};

struct fs_login {
    /* given by the caller */
    void (*done)(struct fs_login *login); /* [loop] */
    struct fs_mailbox *mailbox;           /* of the loop: its owner calls fs_auth_delivered() */
    struct fs_text username;              /* borrowed until done() */
    struct fs_text password;              /* borrowed until done(); wiped copy inside */
    struct fs_text address;               /* of the peer, as text without a port; "": not counted;
                                             borrowed until done() */

    /* the answer */
    enum fs_login_result result;
    unsigned retry_after_s; /* with LIMITED */
    unsigned expires_in_s;
    char *token; /* with OK: malloc'd, NUL-terminated, given to the caller: free() */

    /* auth's own */
    union {
        struct fs_link link; /* in the pool's queue */
        struct fs_auth_letter letter;
    };
    uint64_t address_lane; /* of the queue: who shares a lane waits for its own only */
    uint64_t account_lane;
    uint64_t turn;
    int64_t expires_s;
    uint64_t generation; /* of the keys that signed the token */
};

/* Lets the loop's cache know the token of a log-in that succeeded, so that its first use costs no
 * verification.  [loop] */
void fs_auth_remember(struct fs_auth *auth, struct fs_auth_cache *cache,
                      const struct fs_login *login);

/* Decided inside the call are demo log-ins, unsupported ones, and those over a limit: returns 0 and
 * login->result is set, done() is not run.  Others go to the pool: returns -EINPROGRESS, done() runs
 * later on the loop.  An account or address that has failed too often within the hour is LIMITED,
 * also with the right password; a success is not counted.  [loop] */
int fs_login_start(struct fs_auth *auth, struct fs_login *login);

/* For a stop: answers every log-in that waits in the queue with FS_LOGIN_LIMITED, so that only those
 * being decided are left, and whoever waits for keys.  [any] */
void fs_auth_give_up_logins(struct fs_auth *auth);

#endif
