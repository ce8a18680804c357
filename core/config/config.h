/* The checked configuration of one server, and where each value came from.
 *
 * Precedence: flag > FLASHSALE_* variable (and the plan's WORKERS, LOG_LEVEL) > file > default.
 * One table (config/keys.c) drives the file, the variables, --set, the printed resolution and the
 * test that config/flashsale.yaml documents every key. */
#ifndef FS_CONFIG_CONFIG_H
#define FS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/text.h"

/* The strategy of a server that names none. */
#define FS_CONFIG_STRATEGY_DEFAULT "v4"

enum fs_auth_mode { FS_AUTH_DEMO = 1, FS_AUTH_USERS, FS_AUTH_JWT };
enum fs_shop_page { FS_SHOP_PAGE_AUTO = 1, FS_SHOP_PAGE_ON, FS_SHOP_PAGE_OFF };
enum fs_jwt_algorithm {
    FS_JWT_HS256 = 1,
    FS_JWT_RS256,
    FS_JWT_RS384,
    FS_JWT_RS512,
    FS_JWT_PS256,
    FS_JWT_ES256,
    FS_JWT_ES384,
    FS_JWT_EDDSA
};
enum fs_redis_durability_wanted { FS_REDIS_AOF_ALWAYS = 1, FS_REDIS_AOF_EVERYSEC };

/* A list of texts, each owned and NUL-terminated. */
struct fs_config_texts {
    char **items;
    size_t count;
};

/* A sale to create at start-up when it is not there; an existing one is never changed. */
struct fs_config_product {
    char *id;
    int64_t stock;        /* units; default 100 */
    int64_t per_user_max; /* units; 0: no limit (default) */
    int64_t max_quantity; /* units an order; 0: purchase.max_quantity (default) */
    int64_t opens_at_ms;  /* Unix; 0: always open (default) */
    int64_t closes_at_ms; /* Unix; 0: never (default) */
    int32_t state;        /* enum fs_sale_state: open (default), paused, closed */
};

/* An option handed to the strategy as text: strategy_options.durability: memory. */
struct fs_config_option {
    char *name;
    char *value;
};

struct fs_config {
    /* listen */
    struct fs_config_texts listen; /* "127.0.0.1:8000": "A:P", "[v6]:P" or "unix:/path"; main */
    char *admin_listen;            /* admin.listen: "127.0.0.1:8001" or "unix:/path" */
    char *admin_token_file; /* admin.token_file: "": <data_dir>/admin.token, made when missing */

    /* general */
    char *data_dir;               /* "./flashsale-data" */
    uint32_t workers;             /* 0: one for each CPU this process may use */
    uint64_t shutdown_timeout_us; /* 10s */
    uint64_t shutdown_delay_us;   /* 0s: not ready, and everything is served, before the drain */

    /* strategy */
    char *strategy;     /* strategy: "v4"; a name or a path of a shared object */
    char *strategy_dir; /* "": where the build or the installation put them */
    struct fs_config_option *strategy_options; /* strategy_options: a map of texts */
    size_t strategy_option_count;

    /* products: list; default 1 to 10, 100 units each; an empty list: none */
    struct fs_config_product *products;
    size_t product_count;

    /* purchase */
    uint32_t purchase_max_quantity;     /* purchase.max_quantity: 10; 1 to 1,000,000 */
    uint32_t purchase_in_flight_max;    /* purchase.in_flight_max: 16384 per worker */
    uint64_t purchase_deadline_us;      /* purchase.deadline: 2s; 10ms to 60s */
    uint32_t purchase_rate_per_buyer;   /* purchase.rate_per_buyer: 0: no limit; a second */
    uint32_t purchase_rate_per_address; /* purchase.rate_per_address: 0: no limit; a second */

    /* http */
    uint64_t http_request_timeout_us;     /* http.request_timeout: 10s: head and body in full */
    uint64_t http_slow_reader_timeout_us; /* http.slow_reader_timeout: 10s */
    uint32_t http_connections_max;        /* http.connections_max: 10000 in all */
    uint32_t http_connections_per_address_max; /* 0: no limit (default) */
    uint32_t http_backlog;                     /* http.backlog: 4096 */
    uint64_t http_unsent_max;                  /* http.unsent_max: 64MiB in all; 0: no limit */
    uint64_t http_http2_memory_max; /* http.http2_memory_max: 64MiB in all; 0: no limit */
    uint64_t http_idle_timeout_us;  /* http.idle_timeout: 75s */
    struct fs_config_texts http_trusted_proxies; /* http.trusted_proxies: networks, "unix:" */
    bool http_proxy_protocol;                    /* http.proxy_protocol: false */
    struct fs_config_texts http_cors_origins;    /* http.cors_origins: "https://shop", or "*" */
    bool http_health;      /* http.health: false: /livez and /readyz on the admin listener alone */
    char *http_access_log; /* http.access_log: "off" (default), "stderr" or a path */
    bool http2;            /* http.http2: true, where there is TLS */
    char *tls_certificate; /* tls.certificate: "": cleartext */
    char *tls_key;         /* tls.key */

    char *service_tokens_file; /* service_tokens_file: "": no services */

    /* shop */
    enum fs_shop_page shop_page; /* shop.page: auto: on where auth.mode is demo */

    /* auth */
    enum fs_auth_mode auth_mode; /* auth.mode: demo */
    bool auth_demo_anywhere;     /* auth.demo_anywhere: false: loopback listeners only */
    char *auth_demo_password;    /* auth.demo_password: "password123" */
    char *auth_users_file;       /* auth.users_file */
    uint64_t auth_token_ttl_us;  /* auth.token_ttl: 1h */
    char *auth_token_key_file;   /* auth.token_key_file: "": <data_dir>/token.key, made */
    enum fs_jwt_algorithm auth_jwt_algorithm;   /* auth.jwt_algorithm: HS256 */
    struct fs_config_texts auth_jwt_algorithms; /* auth.jwt_algorithms: [auth.jwt_algorithm] */
    char *auth_jwt_key_file;                    /* auth.jwt_key_file: secret or PEM public keys */
    char *auth_jwks_file;                       /* auth.jwks_file: "": none */
    char *auth_jwks_url;                        /* auth.jwks_url: "": none */
    char *auth_buyer_claim;                     /* auth.buyer_claim: sub */
    uint64_t auth_leeway_us;                    /* auth.leeway: 30s */
    char *auth_jwt_issuer;                      /* auth.jwt_issuer: "": not checked */
    char *auth_jwt_audience;                    /* auth.jwt_audience: "": not checked */
    uint32_t auth_token_cache;        /* auth.token_cache: 16384 tokens a worker; 0: none */
    uint32_t auth_login_threads;      /* auth.login_threads: 1; 1 to 16 */
    uint32_t auth_login_queue;        /* auth.login_queue: 256 waiting log-ins; more is 429 */
    uint32_t auth_login_failures_max; /* auth.login_failures_max: 20 an hour and account */
    uint32_t auth_login_failures_address_max; /* auth.login_failures_address_max: 1000 an hour */

    /* redis */
    struct fs_config_texts redis_urls; /* redis.urls: []: private servers */
    uint32_t redis_private_servers;    /* redis.private_servers: 0: as the strategy likes */
    enum fs_redis_durability_wanted redis_private_fsync; /* redis.private_fsync: always */
    uint64_t redis_command_timeout_us;                   /* redis.command_timeout: 1s */
    uint64_t redis_connect_timeout_us;                   /* redis.connect_timeout: 1s */
    uint64_t redis_start_timeout_us;                     /* redis.start_timeout: 1s */
    uint64_t redis_stall_timeout_us;                     /* redis.stall_timeout: 5s */
    uint32_t redis_in_flight_max; /* redis.in_flight_max: 1024 commands, loop and node */
    uint32_t redis_wait_replicas; /* redis.wait_replicas: 0: none */
    bool redis_accept_eviction;   /* redis.accept_eviction: false */
    char *redis_prefix;           /* redis.prefix: "fs:" */

    /* log */
    enum fs_log_level log_level;   /* log.level: info */
    enum fs_log_format log_format; /* log.format: text */

    char *source; /* what was read, for the start-up: "config/flashsale.yaml" or "defaults" */
};

/* A message fit for a terminal: file:line:column: what is wrong; did you mean ...? */
#define FS_CONFIG_ERROR_SIZE 1024
struct fs_config_error {
    char text[FS_CONFIG_ERROR_SIZE];
};

/* Layers are given in any order; the stronger always wins.  A list of a stronger layer replaces
 * those of weaker ones; strategy_options are merged name by name.  A reader or setter that fails
 * changes nothing, and the builder can be used on.  Errors never show a secret. */
struct fs_config_builder;

int fs_config_builder_create(struct fs_config_builder **builder); /* 0, -ENOMEM */
void fs_config_builder_destroy(struct fs_config_builder *builder);

/* A builder with the same layers that remembers the same file.  Returns 0 or -ENOMEM. */
int fs_config_builder_copy(const struct fs_config_builder *from, struct fs_config_builder **to);

/* YAML from a file, or from text named name in messages; replaces what was read from a file or text
 * before.  Returns 0, -ENOENT, -EACCES, -EIO (file), -EINVAL or -ENOMEM; error always says what and
 * where. */
int fs_config_read_file(struct fs_config_builder *builder, const char *path,
                        struct fs_config_error *error);
int fs_config_read_text(struct fs_config_builder *builder, const char *name, const char *text,
                        size_t len, struct fs_config_error *error);

/* Reads the file of the last successful fs_config_read_file() again, for a reload; does nothing when
 * the settings came from text or from no file.  Returns as fs_config_read_file(). */
int fs_config_reread(struct fs_config_builder *builder, struct fs_config_error *error);

/* All FLASHSALE_* of an environment, NULL-ended "NAME=value"; unknown ones are errors.  The name is
 * the key's path in capitals, dots as underscores; lists and products are separated by commas;
 * FLASHSALE_STRATEGY_OPTIONS_<NAME> is one option.  WORKERS and LOG_LEVEL are weaker than their
 * FLASHSALE_ forms, and ignored when empty.  Replaces what an earlier call read. */
int fs_config_read_environment(struct fs_config_builder *builder, char *const *environment,
                               struct fs_config_error *error);

/* One value from the command line: key "purchase.deadline", value "500ms".  For a list key each call
 * after the first adds an item, and an empty value empties the list; an item of products is "id" or
 * "id:stock".  origin: as in "--listen" or "--set", for messages; NULL: an embedding program. */
int fs_config_set(struct fs_config_builder *builder, const char *key, const char *value,
                  const char *origin, struct fs_config_error *error);

/* Merges, checks what concerns several keys, and gives the result.  The builder can be used again.
 * Returns 0, -EINVAL or -ENOMEM. */
int fs_config_finish(const struct fs_config_builder *builder, struct fs_config **config,
                     struct fs_config_error *error);
void fs_config_destroy(struct fs_config *config);

/* Writes the resolved configuration as YAML, each value with a comment that names its origin;
 * secrets and passwords in URLs as "(set)".  Returns malloc'd text, given; NULL: out of memory. */
char *fs_config_to_yaml(const struct fs_config_builder *builder, const struct fs_config *config);

/* The reference: every key with what it is for, its unit, its bounds and its default.  It is the
 * content of config/flashsale.yaml.  Returns malloc'd text, given; NULL: out of memory. */
char *fs_config_reference(void);

/* Keys */

enum fs_config_kind {
    FS_CONFIG_BOOL = 1,
    FS_CONFIG_INTEGER,
    FS_CONFIG_DURATION, /* microseconds; as text a whole number with us, ms, s, m or h */
    FS_CONFIG_SIZE,     /* bytes; as text a whole number with B, KiB, MiB or GiB */
    FS_CONFIG_TEXT,
    FS_CONFIG_SECRET, /* a text that is never printed */
    FS_CONFIG_ENUM,
    FS_CONFIG_TIME,  /* Unix milliseconds; as text RFC 3339 */
    FS_CONFIG_TEXTS, /* struct fs_config_texts; as text separated by commas */
    FS_CONFIG_PRODUCTS,
    FS_CONFIG_OPTIONS
};

struct fs_config_choice {
    const char *name;
    int value;
};

/* What is known of one key.  Constant, static. */
struct fs_config_key {
    const char *path; /* "purchase.deadline" */
    enum fs_config_kind kind;
    size_t offset; /* of the field in struct fs_config (or fs_config_product) */
    size_t size;   /* of the field */
    /* Numbers: bounds of the value.  Texts: of the length in bytes.  Lists: of the count. */
    int64_t min;
    int64_t max;
    const char *default_text;
    const char *unit;                       /* what it counts or wants, for people: "log-ins" */
    const char *doc;                        /* what it is for, one or two sentences */
    const struct fs_config_choice *choices; /* enum: ended by a NULL name */
    /* Texts and items of lists: their syntax; where names the place in the message.  Or NULL. */
    int (*check)(const char *path, const char *text, const char *where,
                 struct fs_config_error *error);
};

/* All keys, in the order of the reference; sections (what is before the dot) are together. */
const struct fs_config_key *fs_config_keys(size_t *count);

/* The same value in both: for a reload that names what changed. */
bool fs_config_same(const struct fs_config_key *key, const struct fs_config *a,
                    const struct fs_config *b);

#endif
