/* The one table of every configuration key.
 *
 * Whoever adds a key adds a field in config.h and a row here; the file, the environment, --set, the
 * printed configuration and the reference follow.  Afterwards config/flashsale.yaml is written anew
 * (ninja config_reference), which a test checks. */
#include "config/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "config/address.h"
#include "config/problem.h"

#define MILLISECOND INT64_C(1000)
#define SECOND (1000 * MILLISECOND)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#define FIELD(member) \
    .offset = offsetof(struct fs_config, member), .size = sizeof(((struct fs_config *)0)->member)
/* An array with its count beside it is known by its kind. */
#define ARRAY_FIELD(member) .offset = offsetof(struct fs_config, member), .size = 0
#define PRODUCT_FIELD(member)                             \
    .offset = offsetof(struct fs_config_product, member), \
    .size = sizeof(((struct fs_config_product *)0)->member)

static const struct fs_config_choice AUTH_MODES[] = {
    {"demo", FS_AUTH_DEMO}, {"users", FS_AUTH_USERS}, {"jwt", FS_AUTH_JWT}, {NULL, 0}};
static const struct fs_config_choice JWT_ALGORITHMS[] = {
    {"HS256", FS_JWT_HS256}, {"RS256", FS_JWT_RS256}, {"RS384", FS_JWT_RS384},
    {"RS512", FS_JWT_RS512}, {"PS256", FS_JWT_PS256}, {"ES256", FS_JWT_ES256},
    {"ES384", FS_JWT_ES384}, {"EdDSA", FS_JWT_EDDSA}, {NULL, 0}};
static const struct fs_config_choice LOG_LEVELS[] = {{"debug", FS_LOG_DEBUG},
                                                     {"info", FS_LOG_INFO},
                                                     {"warning", FS_LOG_WARNING},
                                                     {"error", FS_LOG_ERROR},
                                                     {NULL, 0}};
static const struct fs_config_choice LOG_FORMATS[] = {
    {"text", FS_LOG_TEXT}, {"json", FS_LOG_JSON}, {NULL, 0}};
static const struct fs_config_choice PRIVATE_FSYNCS[] = {
    {"always", FS_REDIS_AOF_ALWAYS}, {"everysec", FS_REDIS_AOF_EVERYSEC}, {NULL, 0}};
static const struct fs_config_choice SHOP_PAGES[] = {
    {"auto", FS_SHOP_PAGE_AUTO}, {"on", FS_SHOP_PAGE_ON}, {"off", FS_SHOP_PAGE_OFF}, {NULL, 0}};
static const struct fs_config_choice SALE_STATES[] = {
    {"open", FS_SALE_OPEN}, {"paused", FS_SALE_PAUSED}, {"closed", FS_SALE_CLOSED}, {NULL, 0}};

static int check_algorithm(const char *path, const char *text, const char *where,
                           struct fs_config_error *error)
{
    char shown[FS_CONFIG_SHOWN_SIZE];

    for (size_t i = 0; JWT_ALGORITHMS[i].name; i++)
        if (strcmp(JWT_ALGORITHMS[i].name, text) == 0)
            return 0;
    return fs_config_fail(
        error, where,
        "'%s' may list HS256, RS256, RS384, RS512, PS256, ES256, ES384 and EdDSA, "
        "not '%s'",
        path, fs_config_show(fs_text_of(text), shown));
}

/* In the clear only where nobody can change the keys on the way. */
static int check_jwks_url(const char *path, const char *text, const char *where,
                          struct fs_config_error *error)
{
    static const char *const good[] = {"https://", "http://127.0.0.1", "http://[::1]",
                                       "http://localhost"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t len = strlen(good[i]);

        if (strncmp(text, good[i], len) == 0 && (i == 0 || strchr(":/", text[len])))
            return 0;
    }
    return text[0] == '\0'
               ? 0
               : fs_config_fail(error, where,
                                "'%s' must be an https:// URL; http:// is for loopback "
                                "addresses only, for whoever can change the keys on the "
                                "way can make tokens",
                                path);
}

/* Braces in a prefix would move every key of a product to another slot of a Redis Cluster. */
static int check_prefix(const char *path, const char *text, const char *where,
                        struct fs_config_error *error)
{
    if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-:.") ==
        strlen(text))
        return 0;
    return fs_config_fail(error, where, "'%s' may contain A-Z a-z 0-9 _ - : . only", path);
}

static int check_product_id(const char *path, const char *text, const char *where,
                            struct fs_config_error *error)
{
    char shown[FS_CONFIG_SHOWN_SIZE];

    if (fs_text_is_id(fs_text_of(text), FS_PRODUCT_LEN_MAX))
        return 0;
    return fs_config_fail(error, where, "'%s' must be 1 to %u of A-Z a-z 0-9 _ -, not '%s'", path,
                          FS_PRODUCT_LEN_MAX, fs_config_show(fs_text_of(text), shown));
}

/* As browsers send it: no path, no slash at the end. */
static int check_origin(const char *path, const char *text, const char *where,
                        struct fs_config_error *error)
{
    char shown[FS_CONFIG_SHOWN_SIZE];
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : "";

    if (strcmp(text, "*") == 0 || (host[0] != '\0' && !strpbrk(host, "/?#@ \t*")))
        return 0;
    return fs_config_fail(error, where,
                          "'%s' must be * or an origin such as https://shop.example, without a "
                          "path, not '%s'",
                          path, fs_config_show(fs_text_of(text), shown));
}

static const struct fs_config_key KEYS[] = {
    {"listen", FS_CONFIG_TEXTS, FIELD(listen), 1, FS_LISTENERS_MAX, "127.0.0.1:8000",
     "addresses: A:P, [v6]:P, unix:/path, fd:3",
     "Addresses of the main listeners, where buyers connect: one or a list. Port 0 takes a free "
     "port.",
     NULL, fs_config_check_address},
    {"data_dir", FS_CONFIG_TEXT, FIELD(data_dir), 1, FS_CONFIG_VALUE_LEN_MAX, "./flashsale-data",
     "path", "Folder for the journal, private stores, tokens and keys. Created when missing.", NULL,
     NULL},
    {"workers", FS_CONFIG_INTEGER, FIELD(workers), 0, FS_WORKERS_MAX, "0", "event-loop threads",
     "Event-loop threads. 0: one for each CPU that this process may use. Also the variable "
     "WORKERS.",
     NULL, NULL},
    {"shutdown_timeout", FS_CONFIG_DURATION, FIELD(shutdown_timeout_us), 0, 10 * MINUTE, "10s", "",
     "Time limit of a drain: how long a stopping server answers accepted requests before it cuts "
     "connections.",
     NULL, NULL},
    {"shutdown_delay", FS_CONFIG_DURATION, FIELD(shutdown_delay_us), 0, 10 * MINUTE, "0s", "",
     "Time after SIGTERM in which /readyz is 503 and everything is still served, for a balancer to "
     "notice. A second SIGTERM skips it.",
     NULL, NULL},
    {"strategy", FS_CONFIG_TEXT, FIELD(strategy), 1, FS_CONFIG_VALUE_LEN_MAX,
     FS_CONFIG_STRATEGY_DEFAULT, "name, or path of a shared object",
     "Strategy that decides purchases. 'flashsale strategies' lists them.", NULL, NULL},
    {"strategy_dir", FS_CONFIG_TEXT, FIELD(strategy_dir), 0, FS_CONFIG_VALUE_LEN_MAX, "", "path",
     "Folder of the strategies that are named without a path. Empty: where the build or the "
     "installation put them.",
     NULL, NULL},
    {"strategy_options", FS_CONFIG_OPTIONS, ARRAY_FIELD(strategy_options), 0, FS_CONFIG_OPTIONS_MAX,
     "", "map of names to texts",
     "Options of the strategy, such as durability: journal for v1. --set "
     "strategy_options.NAME=VALUE sets one.",
     NULL, NULL},
    {"products", FS_CONFIG_PRODUCTS, ARRAY_FIELD(products), 0, FS_PRODUCTS_MAX,
     "1:100,2:100,3:100,4:100,5:100,6:100,7:100,8:100,9:100,10:100", "list of sales",
     "Sales to create at start-up where they are missing; an existing one is never changed. Empty: "
     "none, as where this key is absent and auth.mode is not demo. As a flag or variable: id or "
     "id:stock.",
     NULL, NULL},
    {"service_tokens_file", FS_CONFIG_TEXT, FIELD(service_tokens_file), 0, FS_CONFIG_VALUE_LEN_MAX,
     "", "path",
     "Tokens of services that act for buyers or administer: lines 'name scope[,scope] "
     "sha256-of-token'. Empty: none.",
     NULL, NULL},
    {"admin.listen", FS_CONFIG_TEXT, FIELD(admin_listen), 1, FS_CONFIG_VALUE_LEN_MAX,
     "127.0.0.1:8001", "address: A:P, [v6]:P, unix:/path",
     "Address of the admin listener, where operators and Prometheus connect. Port 0 takes a free "
     "port.",
     NULL, fs_config_check_address},
    {"admin.token_file", FS_CONFIG_TEXT, FIELD(admin_token_file), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "path",
     "File with the admin token. Empty: admin.token in data_dir, created at the first start.", NULL,
     NULL},
    {"purchase.max_quantity", FS_CONFIG_INTEGER, FIELD(purchase_max_quantity), 1, FS_QUANTITY_MAX,
     "10", "units in one order", "Maximum units in one order; more is refused as invalid.", NULL,
     NULL},
    {"purchase.in_flight_max", FS_CONFIG_INTEGER, FIELD(purchase_in_flight_max), 1, FS_OPS_MAX,
     "16384", "purchases per worker",
     "Maximum purchases in flight per worker; further ones are answered 503 busy.", NULL, NULL},
    {"purchase.deadline", FS_CONFIG_DURATION, FIELD(purchase_deadline_us), 10 * MILLISECOND, MINUTE,
     "2s", "",
     "Deadline of a purchase: the buyer is answered by then even if the store has not replied.",
     NULL, NULL},
    {"purchase.rate_per_buyer", FS_CONFIG_INTEGER, FIELD(purchase_rate_per_buyer), 0, 1000000, "0",
     "requests a second",
     "Maximum rate of purchases, cancels and order lookups of one buyer on this server, with one "
     "second's worth at once; further ones are answered 429 with Retry-After. 0: no limit.",
     NULL, NULL},
    {"purchase.rate_per_address", FS_CONFIG_INTEGER, FIELD(purchase_rate_per_address), 0, 1000000,
     "0", "requests a second",
     "Maximum rate of the same requests from one client address, which may serve many buyers; an "
     "IPv6 address counts as its /64. 0: no limit.",
     NULL, NULL},
    {"http.request_timeout", FS_CONFIG_DURATION, FIELD(http_request_timeout_us), 100 * MILLISECOND,
     10 * MINUTE, "10s", "", "Time limit for receiving a complete request.", NULL, NULL},
    {"http.slow_reader_timeout", FS_CONFIG_DURATION, FIELD(http_slow_reader_timeout_us),
     100 * MILLISECOND, 10 * MINUTE, "10s", "",
     "Time limit for a client that reads nothing of its response; it is disconnected then.", NULL,
     NULL},
    {"http.connections_max", FS_CONFIG_INTEGER, FIELD(http_connections_max), 1, 1000000, "10000",
     "connections", "Maximum open connections of all workers together.", NULL, NULL},
    {"http.connections_per_address_max", FS_CONFIG_INTEGER, FIELD(http_connections_per_address_max),
     0, 1000000, "0", "connections", "Maximum open connections of one client address. 0: no limit.",
     NULL, NULL},
    {"http.backlog", FS_CONFIG_INTEGER, FIELD(http_backlog), 1, 65535, "4096", "connections",
     "Connections that the kernel queues until they are accepted.", NULL, NULL},
    {"http.access_log", FS_CONFIG_TEXT, FIELD(http_access_log), 1, FS_CONFIG_VALUE_LEN_MAX, "off",
     "off, stderr or a path", "Destination of the access log, one line per request.", NULL, NULL},
    {"http.unsent_max", FS_CONFIG_SIZE, FIELD(http_unsent_max), 0, INT64_C(1) << 40, "64MiB", "",
     "Bytes of answers that clients of all connections together may leave unread. Beyond it "
     "connections that read nothing for a second are ended. 0: no limit.",
     NULL, NULL},
    {"http.http2_memory_max", FS_CONFIG_SIZE, FIELD(http_http2_memory_max), 0, INT64_C(1) << 40,
     "64MiB", "",
     "Memory that unfinished HTTP/2 requests of all connections together may take. Beyond it "
     "connections that hold more than 32 KiB of it are refused more. 0: no limit.",
     NULL, NULL},
    {"http.idle_timeout", FS_CONFIG_DURATION, FIELD(http_idle_timeout_us), 100 * MILLISECOND, HOUR,
     "75s", "",
     "How long a connection may rest between requests. Longer than the balancer's own: Google's "
     "keeps connections for 600s.",
     NULL, NULL},
    {"http.trusted_proxies", FS_CONFIG_TEXTS, FIELD(http_trusted_proxies), 0, FS_CONFIG_LIST_MAX,
     "", "networks: 10.0.0.0/8, 2001:db8::/32, 192.0.2.1, unix:",
     "Proxies whose Forwarded or X-Forwarded-For headers name the client, for log-in limits, rates "
     "and the access log. Their own connections are not counted by address.",
     NULL, fs_config_check_network},
    {"http.proxy_protocol", FS_CONFIG_BOOL, FIELD(http_proxy_protocol), 0, 1, "false", "",
     "Main listeners take only connections of trusted proxies that begin with a PROXY header, of "
     "version 1 or 2.",
     NULL, NULL},
    {"http.cors_origins", FS_CONFIG_TEXTS, FIELD(http_cors_origins), 0, FS_CONFIG_LIST_MAX, "",
     "origins: https://shop.example, or *",
     "Origins whose scripts may use the shop's API from a browser. *: any.", NULL, check_origin},
    {"http.health", FS_CONFIG_BOOL, FIELD(http_health), 0, 1, "false", "",
     "Serves GET /livez and GET /readyz on the main listeners too, for load balancers that check "
     "the port that they send traffic to.",
     NULL, NULL},
    {"http.http2", FS_CONFIG_BOOL, FIELD(http2), 0, 1, "true", "",
     "Offers HTTP/2 beside HTTP/1.1 where there is TLS; cleartext stays HTTP/1.1. Also without its "
     "section: http2.",
     NULL, NULL},
    {"tls.certificate", FS_CONFIG_TEXT, FIELD(tls_certificate), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "path of a PEM file", "Certificate chain of the main listeners. Empty: no TLS.", NULL, NULL},
    {"tls.key", FS_CONFIG_TEXT, FIELD(tls_key), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "path of a PEM file", "Private key of the certificate.", NULL, NULL},
    {"shop.page", FS_CONFIG_ENUM, FIELD(shop_page), 0, 0, "auto", "",
     "Shop page at GET / and the API's description at GET /docs of the main listener. auto: on "
     "where auth.mode is demo.",
     SHOP_PAGES, NULL},
    {"auth.mode", FS_CONFIG_ENUM, FIELD(auth_mode), 0, 0, "demo", "",
     "Source of identities. demo: any user_N with the demo password, on loopback only; users: a "
     "file of users; jwt: tokens of your own identity provider.",
     AUTH_MODES, NULL},
    {"auth.demo_anywhere", FS_CONFIG_BOOL, FIELD(auth_demo_anywhere), 0, 1, "false", "",
     "Allows mode demo on addresses that other machines reach: anyone can log in as anyone.", NULL,
     NULL},
    {"auth.demo_password", FS_CONFIG_SECRET, FIELD(auth_demo_password), 1, FS_PASSWORD_LEN_MAX,
     "password123", "text", "Password of every demo user.", NULL, NULL},
    {"auth.users_file", FS_CONFIG_TEXT, FIELD(auth_users_file), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "path of an htpasswd file", "Users of mode users, with bcrypt or yescrypt hashes.", NULL,
     NULL},
    {"auth.token_ttl", FS_CONFIG_DURATION, FIELD(auth_token_ttl_us), SECOND, 720 * HOUR, "1h", "",
     "Lifetime of a token made by POST /login.", NULL, NULL},
    {"auth.token_key_file", FS_CONFIG_TEXT, FIELD(auth_token_key_file), 0, FS_CONFIG_VALUE_LEN_MAX,
     "", "path",
     "Key that signs the tokens of POST /login, 32 bytes or more. Empty: token.key in data_dir, "
     "created at the first start.",
     NULL, NULL},
    {"auth.jwt_algorithm", FS_CONFIG_ENUM, FIELD(auth_jwt_algorithm), 0, 0, "HS256", "",
     "Signature algorithm of tokens in mode jwt; auth.jwt_algorithms allows several.",
     JWT_ALGORITHMS, NULL},
    {"auth.jwt_algorithms", FS_CONFIG_TEXTS, FIELD(auth_jwt_algorithms), 0, 8, "",
     "RS256, RS384, RS512, PS256, ES256, ES384, EdDSA, HS256",
     "Signature algorithms that mode jwt accepts. Empty: auth.jwt_algorithm; with a key set and no "
     "auth.jwt_algorithm every one but HS256.",
     NULL, check_algorithm},
    {"auth.jwt_key_file", FS_CONFIG_TEXT, FIELD(auth_jwt_key_file), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "path", "Mode jwt: the secret (HS256, 32 bytes or more), or PEM public keys, one or several.",
     NULL, NULL},
    {"auth.jwks_file", FS_CONFIG_TEXT, FIELD(auth_jwks_file), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "path of a JSON Web Key Set",
     "Mode jwt: key set of the identity provider. The file is watched: a new version is read "
     "within a second, and at once when a token names an unknown key.",
     NULL, NULL},
    {"auth.jwks_url", FS_CONFIG_TEXT, FIELD(auth_jwks_url), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "https:// URL of a JSON Web Key Set",
     "Mode jwt: URL of the identity provider's key set. Fetched at the start, every 5 minutes, and "
     "when a token names an unknown key, at most once a second.",
     NULL, check_jwks_url},
    {"auth.buyer_claim", FS_CONFIG_TEXT, FIELD(auth_buyer_claim), 1, 128, "sub", "name of a claim",
     "Mode jwt: the claim that names the buyer, a text or an integer.", NULL, NULL},
    {"auth.leeway", FS_CONFIG_DURATION, FIELD(auth_leeway_us), 0, 10 * MINUTE, "30s", "",
     "Mode jwt: tolerated clock difference for exp, nbf and iat.", NULL, NULL},
    {"auth.jwt_issuer", FS_CONFIG_TEXT, FIELD(auth_jwt_issuer), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "text", "Mode jwt: required value of iss. Empty: not checked.", NULL, NULL},
    {"auth.jwt_audience", FS_CONFIG_TEXT, FIELD(auth_jwt_audience), 0, FS_CONFIG_VALUE_LEN_MAX, "",
     "text", "Mode jwt: required value of aud. Empty: not checked.", NULL, NULL},
    {"auth.token_cache", FS_CONFIG_INTEGER, FIELD(auth_token_cache), 0, 1048576, "16384",
     "tokens per worker",
     "Verified tokens that each worker remembers, so that they are not verified again. 0: none.",
     NULL, NULL},
    {"auth.login_threads", FS_CONFIG_INTEGER, FIELD(auth_login_threads), 1, 16, "1", "threads",
     "Threads that check passwords.", NULL, NULL},
    {"auth.login_queue", FS_CONFIG_INTEGER, FIELD(auth_login_queue), 1, 65536, "256", "log-ins",
     "Maximum log-ins that wait for a password thread; further ones are answered 429.", NULL, NULL},
    {"auth.login_failures_max", FS_CONFIG_INTEGER, FIELD(auth_login_failures_max), 1, 1000000, "20",
     "failed log-ins an hour",
     "Maximum failed log-ins of one account; further attempts are answered 429.", NULL, NULL},
    {"auth.login_failures_address_max", FS_CONFIG_INTEGER, FIELD(auth_login_failures_address_max),
     1, 1000000, "1000", "failed log-ins an hour",
     "Maximum failed log-ins from one address, which may serve many people; further attempts are "
     "answered 429.",
     NULL, NULL},
    {"redis.urls", FS_CONFIG_TEXTS, FIELD(redis_urls), 0, FS_CONFIG_LIST_MAX, "",
     "redis://[user:password@]host:port[/db], unix:/path or "
     "sentinel://host:port,host:port/master",
     "Redis servers, one URL or a list: independent servers; or any nodes of one Redis Cluster, "
     "whose topology is then followed; or primaries found through their sentinels. Empty: private "
     "servers.",
     NULL, fs_config_check_redis_url},
    {"redis.private_servers", FS_CONFIG_INTEGER, FIELD(redis_private_servers), 0, 16, "0",
     "servers",
     "Private redis-servers to start when redis.urls is empty. 0: as many as the strategy prefers.",
     NULL, NULL},
    {"redis.private_fsync", FS_CONFIG_ENUM, FIELD(redis_private_fsync), 0, 0, "always", "",
     "When private servers sync their append-only file.", PRIVATE_FSYNCS, NULL},
    {"redis.command_timeout", FS_CONFIG_DURATION, FIELD(redis_command_timeout_us), 10 * MILLISECOND,
     MINUTE, "1s", "", "Deadline of a command that has none of its own.", NULL, NULL},
    {"redis.connect_timeout", FS_CONFIG_DURATION, FIELD(redis_connect_timeout_us), 10 * MILLISECOND,
     MINUTE, "1s", "", "Deadline for connecting to a Redis server.", NULL, NULL},
    {"redis.start_timeout", FS_CONFIG_DURATION, FIELD(redis_start_timeout_us), 10 * MILLISECOND,
     HOUR, "1s", "",
     "How long the start waits for a Redis server of redis.urls to appear, not counting the time "
     "in which it loads its data.",
     NULL, NULL},
    {"redis.stall_timeout", FS_CONFIG_DURATION, FIELD(redis_stall_timeout_us), 100 * MILLISECOND,
     10 * MINUTE, "5s", "",
     "Maximum wait of a connection's oldest command; then the connection is closed and opened "
     "again.",
     NULL, NULL},
    {"redis.in_flight_max", FS_CONFIG_INTEGER, FIELD(redis_in_flight_max), 16, 65536, "1024",
     "commands per worker and server",
     "Maximum commands in flight per worker and server; further ones are answered 503.", NULL,
     NULL},
    {"redis.wait_replicas", FS_CONFIG_INTEGER, FIELD(redis_wait_replicas), 0, 16, "0", "replicas",
     "Replicas that must acknowledge a decision before the buyer is answered. 0: none.", NULL,
     NULL},
    {"redis.accept_eviction", FS_CONFIG_BOOL, FIELD(redis_accept_eviction), 0, 0, "false", "",
     "Accepts a Redis whose maxmemory-policy may drop orders (allkeys-*); volatile policies need "
     "no "
     "consent, since no key of a sale has a time to live.",
     NULL, NULL},
    {"redis.prefix", FS_CONFIG_TEXT, FIELD(redis_prefix), 0, 32, "fs:", "text",
     "Prefix of every key in Redis.", NULL, check_prefix},
    {"log.level", FS_CONFIG_ENUM, FIELD(log_level), 0, 0, "info", "",
     "Minimum severity to log. Also the variable LOG_LEVEL.", LOG_LEVELS, NULL},
    {"log.format", FS_CONFIG_ENUM, FIELD(log_format), 0, 0, "text", "",
     "Format of log lines: text for people, json for machines.", LOG_FORMATS, NULL},
};

static const struct fs_config_key PRODUCT_KEYS[] = {
    {"products.id", FS_CONFIG_TEXT, PRODUCT_FIELD(id), 1, FS_PRODUCT_LEN_MAX, "", "A-Z a-z 0-9 _ -",
     "Name of the product; required.", NULL, check_product_id},
    {"products.stock", FS_CONFIG_INTEGER, PRODUCT_FIELD(stock), 0, FS_CONFIG_UNITS_MAX, "100",
     "units", "Units for sale.", NULL, NULL},
    {"products.per_user_max", FS_CONFIG_INTEGER, PRODUCT_FIELD(per_user_max), 0,
     FS_CONFIG_UNITS_MAX, "0", "units", "Units that one buyer may have. 0: no limit.", NULL, NULL},
    {"products.max_quantity", FS_CONFIG_INTEGER, PRODUCT_FIELD(max_quantity), 0, 1000000, "0",
     "units in one order", "Units in one order. 0: purchase.max_quantity.", NULL, NULL},
    {"products.opens_at", FS_CONFIG_TIME, PRODUCT_FIELD(opens_at_ms), 0, INT64_MAX, "",
     "RFC 3339 time", "Time at which the sale opens. Absent: it is open from the start.", NULL,
     NULL},
    {"products.closes_at", FS_CONFIG_TIME, PRODUCT_FIELD(closes_at_ms), 0, INT64_MAX, "",
     "RFC 3339 time", "Time at which the sale closes. Absent: never.", NULL, NULL},
    {"products.state", FS_CONFIG_ENUM, PRODUCT_FIELD(state), 0, 0, "open", "",
     "State of the sale within its window.", SALE_STATES, NULL},
};

#define KEY_COUNT (sizeof(KEYS) / sizeof(KEYS[0]))
#define PRODUCT_KEY_COUNT (sizeof(PRODUCT_KEYS) / sizeof(PRODUCT_KEYS[0]))

const struct fs_config_key *fs_config_keys(size_t *count)
{
    *count = KEY_COUNT;
    return KEYS;
}

const struct fs_config_key *fs_config_product_keys(size_t *count)
{
    *count = PRODUCT_KEY_COUNT;
    return PRODUCT_KEYS;
}

const struct fs_config_key *fs_config_key_find(struct fs_text path)
{
    if (fs_text_equals(path, FS_TEXT("http2"))) /* so it is called where it is promised */
        path = FS_TEXT("http.http2");
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (fs_text_equals(path, fs_text_of(KEYS[i].path)))
            return &KEYS[i];
    return NULL;
}

size_t fs_config_key_index(const struct fs_config_key *key)
{
    return (size_t)(key - KEYS);
}

static struct fs_text section_of(const struct fs_config_key *key)
{
    const char *dot = strchr(key->path, '.');

    return (struct fs_text){key->path, dot ? (size_t)(dot - key->path) : 0};
}

const struct fs_config_key *fs_config_section_find(struct fs_text name)
{
    for (size_t i = 0; i < KEY_COUNT && name.len > 0; i++)
        if (fs_text_equals(name, section_of(&KEYS[i])))
            return &KEYS[i];
    return NULL;
}

void fs_config_key_variable(const struct fs_config_key *key, char name[FS_CONFIG_PATH_SIZE])
{
    size_t len = (size_t)snprintf(name, FS_CONFIG_PATH_SIZE, "FLASHSALE_%s", key->path);

    for (size_t i = 0; i < len; i++)
        name[i] = (char)(name[i] == '.' ? '_' : toupper((unsigned char)name[i]));
}

/* Keeps candidate when it is nearer to mistyped than the best so far. */
static void consider(struct fs_text mistyped, struct fs_text candidate, size_t *best_distance,
                     struct fs_text *best)
{
    size_t distance = fs_text_distance(mistyped, candidate);

    if (distance < *best_distance) {
        *best_distance = distance;
        *best = candidate;
    }
}

const char *fs_config_suggest(struct fs_text mistyped, bool products,
                              char suggestion[FS_CONFIG_PATH_SIZE])
{
    const struct fs_config_key *keys = products ? PRODUCT_KEYS : KEYS;
    size_t count = products ? PRODUCT_KEY_COUNT : KEY_COUNT;
    /* More than a third wrong is another word. */
    size_t best_distance = mistyped.len / 3 + 1 < 4 ? mistyped.len / 3 + 1 : 4;
    struct fs_text best = {NULL, 0};

    for (size_t i = 0; i < count; i++) {
        consider(mistyped, fs_text_of(keys[i].path), &best_distance, &best);
        if (!products && section_of(&keys[i]).len > 0)
            consider(mistyped, section_of(&keys[i]), &best_distance, &best);
    }
    /* The right word in the wrong section. */
    for (size_t i = 0; i < count && best.len == 0 && mistyped.len > 0; i++) {
        const char *last_dot = memrchr(mistyped.data, '.', mistyped.len);
        const char *last = last_dot ? last_dot + 1 : mistyped.data;
        struct fs_text leaf = {last, (size_t)(mistyped.data + mistyped.len - last)};
        struct fs_text section = section_of(&keys[i]);
        const char *name = keys[i].path + (section.len ? section.len + 1 : 0);
        if (fs_text_equals(leaf, fs_text_of(name)))
            best = fs_text_of(keys[i].path);
    }
    if (best.len == 0)
        return NULL;
    snprintf(suggestion, FS_CONFIG_PATH_SIZE, "%.*s", (int)best.len, best.data);
    return suggestion;
}
