/* What start-up makes of a Redis server: sentences as data, then real servers. */
#include "support/suite.h"

#include "fixture.h"
#include "store/redis.h"
#include "store/session.h"

/* A server that nothing is wrong with. */
static struct fs_check_facts good(void)
{
    return (struct fs_check_facts){.version_major = 7,
                                   .version = "7.0.15",
                                   .role = "master",
                                   .policy = "noeviction",
                                   .fsync = "always",
                                   .is_config_known = true,
                                   .is_aof_on = true,
                                   .may_run_scripts = true,
                                   .may_kill_clients = true,
                                   .maxclients = 10000,
                                   .connected_clients = 1,
                                   .tcp_keepalive = 300};
}

static void spoil_version(struct fs_check_facts *facts)
{
    facts->version_major = 6;
    facts->version_minor = 0;
    snprintf(facts->version, sizeof(facts->version), "6.0.16");
}

static void spoil_name(struct fs_check_facts *facts)
{
    facts->version[0] = '\0';
}

static void spoil_role(struct fs_check_facts *facts)
{
    snprintf(facts->role, sizeof(facts->role), "slave");
}

static void spoil_policy(struct fs_check_facts *facts)
{
    snprintf(facts->policy, sizeof(facts->policy), "allkeys-lru");
}

static void spoil_scripts(struct fs_check_facts *facts)
{
    facts->may_run_scripts = false;
}

static void spoil_kill(struct fs_check_facts *facts)
{
    facts->may_kill_clients = false;
}

static void spoil_clients(struct fs_check_facts *facts)
{
    facts->maxclients = 10;
    facts->connected_clients = 4;
}

static void each_refusal_says_what_to_change(void)
{
    static const struct {
        void (*spoil)(struct fs_check_facts *);
        const char *sentence;
    } rows[] = {
        {spoil_name, "what answers at db:1 is no Redis server: its INFO names no version"},
        {spoil_version, "Redis at db:1 is version 6.0.16: use 6.2 or later (tested with 7.0.15)"},
        {spoil_role, "Redis at db:1 is a replica, and a sale must be decided by the primary: name "
                     "its primary, or run REPLICAOF NO ONE there"},
        {spoil_policy,
         "Redis at db:1 may drop orders when its memory is full (maxmemory-policy allkeys-lru): "
         "run CONFIG SET maxmemory-policy noeviction there, and put that line into redis.conf; "
         "a volatile policy will do as well, or redis.accept_eviction"},
        {spoil_scripts, "the user at Redis db:1 may not run scripts: ACL SETUSER it +eval +evalsha "
                        "+script"},
        {spoil_kill, "the user at Redis db:1 may not run CLIENT KILL, which keeps commands of a "
                     "lost connection from running late: ACL SETUSER it +client"},
        {spoil_clients, "Redis at db:1 serves at most 10 clients and has 4, but this server needs "
                        "8: raise maxclients there"},
    };
    struct fs_check_facts facts = good();
    struct fs_error error;

    FS_CHECK_INT(fs_check_judge(&facts, "db:1", 8, &error), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        facts = good();
        rows[i].spoil(&facts);
        FS_CHECK(fs_check_judge(&facts, "db:1", 8, &error) != 0);
        FS_CHECK_STR(error.text, rows[i].sentence);
    }
}

static void the_durability_class_follows_from_what_is_known(void)
{
    static const struct {
        bool is_aof_on, is_config_known;
        const char *fsync, *save, *name, *remark;
        bool is_rewrite_unsynced;
    } rows[] = {
        {true, true, "always", "", "aof-always", NULL, false},
        {true, true, "everysec", "", "aof-everysec", NULL, false},
        {true, true, "no", "", "memory", "to the kernel (appendfsync no): taken as memory", false},
        {true, true, "always", "", "memory", "CONFIG SET no-appendfsync-on-rewrite no", true},
        {true, true, "everysec", "", "memory", "CONFIG SET no-appendfsync-on-rewrite no", true},
        {true, false, "", "", "aof-everysec", "(CONFIG GET is forbidden): taken as everysec",
         false},
        {false, true, "always", "3600 1", "memory", "only takes snapshots", false},
        {false, true, "always", "", "memory", "keeps nothing on disk", true},
        {false, false, "", "", "memory", "keeps nothing on disk", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fs_check_facts facts = good();
        struct fs_error remark;
        unsigned state = 0;
        bool remarked;

        facts.is_aof_on = rows[i].is_aof_on;
        facts.is_config_known = rows[i].is_config_known;
        facts.is_rewrite_unsynced = rows[i].is_rewrite_unsynced;
        snprintf(facts.fsync, sizeof(facts.fsync), "%s", rows[i].fsync);
        snprintf(facts.save, sizeof(facts.save), "%s", rows[i].save);
        FS_CHECK_STR(fs_durability_name(fs_check_durability(&facts)), rows[i].name);
        remarked = fs_check_remark(&facts, "db:1", &state, &remark);
        FS_CHECK_INT(remarked, rows[i].remark != NULL);
        if (remarked && rows[i].remark)
            FS_CHECK_CONTAINS(remark.text, rows[i].remark);
        if (!rows[i].is_config_known && !rows[i].is_aof_on) {
            FS_CHECK(fs_check_remark(&facts, "db:1", &state, &remark));
            FS_CHECK_CONTAINS(remark.text, "forbids CONFIG GET");
        }
        FS_CHECK(!fs_check_remark(&facts, "db:1", &state, &remark));
    }
}

static void a_server_without_keepalive_is_remarked_upon(void)
{
    struct fs_check_facts facts = good();
    struct fs_error remark;
    unsigned state = 0;

    facts.tcp_keepalive = 0;
    FS_CHECK(fs_check_remark(&facts, "db:1", &state, &remark));
    FS_CHECK_CONTAINS(remark.text, "CONFIG SET tcp-keepalive 300");
    FS_CHECK(!fs_check_remark(&facts, "db:1", &state, &remark));
}

/* Real servers */

static struct fs_redis_server server;
static struct fs_log test_log;

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static int create(const char *url, unsigned loop_count, struct fs_redis **redis,
                  struct fs_error *error)
{
    const struct fs_redis_options options = {.urls = &url,
                                             .url_count = 1,
                                             .loop_count = loop_count,
                                             .start_timeout_us = 200000,
                                             .log = &test_log};

    fs_log_init(&test_log, FS_LOG_DEBUG, FS_LOG_TEXT, drop_line, NULL);
    return fs_redis_create(&options, redis, error);
}

/* Creates with one CONFIG or ACL line run before. */
static int create_after(const char *line, struct fs_error *error)
{
    struct fs_redis *redis = NULL;
    int rc;

    fs_redis_server_start(&server, NULL);
    if (line)
        freeReplyObject(fs_redis_server_ask(&server, line));
    rc = create(server.tcp_url, 4, &redis, error);
    if (rc == 0)
        fs_redis_destroy(redis);
    fs_redis_server_stop(&server);
    return rc;
}

static void real_servers_are_judged_alike(void)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"CONFIG SET maxmemory-policy allkeys-lfu", "maxmemory-policy allkeys-lfu"},
        {"REPLICAOF 127.0.0.1 1", "is a replica"},
        {"CONFIG SET maxclients 6", "raise maxclients"},
        {"ACL SETUSER default -client", "may not run CLIENT KILL"},
        {"ACL SETUSER default -eval", "may not run scripts"},
        {"ACL SETUSER default -info", "refuses INFO"},
        {"ACL SETUSER default resetpass >x", "give its URL as redis://user:password@host:port"},
    };
    struct fs_error error;

    FS_CHECK_INT(create_after(NULL, &error), 0);
    FS_CHECK_INT(create_after("ACL SETUSER default -config", &error), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        FS_CHECK(create_after(rows[i].line, &error) != 0);
        FS_CHECK_CONTAINS(error.text, rows[i].part);
    }
}

static void a_wrong_password_stops_the_start_with_a_sentence(void)
{
    static const char *const settings[] = {"--requirepass", "right", NULL};
    struct fs_redis *redis = NULL;
    struct fs_error error;
    char url[128];

    fs_redis_server_start(&server, settings);
    snprintf(url, sizeof(url), "redis://:wrong@127.0.0.1:%d", server.port);
    FS_CHECK(create(url, 1, &redis, &error) != 0);
    FS_CHECK_CONTAINS(error.text, "refuses the log-in (check user and password of its URL)");
    FS_CHECK(!strstr(error.text, "wrong@"));
    snprintf(url, sizeof(url), "redis://:right@127.0.0.1:%d/99", server.port);
    FS_CHECK(create(url, 1, &redis, &error) != 0);
    FS_CHECK_CONTAINS(error.text, "refuses the database of its URL");
    snprintf(url, sizeof(url), "redis://:right@127.0.0.1:%d/1", server.port);
    FS_REQUIRE(create(url, 1, &redis, &error) == 0);
    fs_redis_destroy(redis);
    fs_redis_server_stop(&server);
}

static void a_server_that_is_not_there_is_named(void)
{
    struct fs_redis *redis = NULL;
    struct fs_error error;

    FS_CHECK(create("unix:/nowhere/redis.sock", 1, &redis, &error) != 0);
    FS_CHECK_CONTAINS(error.text, "cannot connect to Redis at unix:/nowhere/redis.sock: No such");
}

static void versions_and_classes_are_told(void)
{
    static const char *const settings[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    static struct fs_redis_server weak;
    struct fs_redis *redis = NULL;
    struct fs_error error;
    const char *urls[2];
    struct fs_redis_options options = {
        .urls = urls, .url_count = 1, .loop_count = 2, .log = &test_log};

    fs_log_init(&test_log, FS_LOG_DEBUG, FS_LOG_TEXT, drop_line, NULL);
    urls[0] = fs_redis_server_start(&server, settings)->unix_url;
    urls[1] = fs_redis_server_start(&weak, NULL)->unix_url;
    FS_REQUIRE(fs_redis_create(&options, &redis, &error) == 0);
    FS_CHECK_STR(fs_redis_durability(redis), "aof-always");
    FS_CHECK(fs_redis_node_version(redis, 0)[0] >= '6');
    FS_CHECK(!fs_redis_is_private(redis));
    fs_redis_destroy(redis);
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG SET no-appendfsync-on-rewrite yes"));
    FS_REQUIRE(fs_redis_create(&options, &redis, &error) == 0);
    FS_CHECK_STR(fs_redis_durability(redis), "memory"); /* while it rewrites */
    fs_redis_destroy(redis);
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG SET no-appendfsync-on-rewrite no"));
    options.url_count = 2;
    FS_REQUIRE(fs_redis_create(&options, &redis, &error) == 0);
    FS_CHECK_INT(fs_redis_node_count(redis), 2);
    FS_CHECK_STR(fs_redis_durability(redis), "memory"); /* of the weakest */
    fs_redis_destroy(redis);
    fs_redis_server_stop(&server);
    fs_redis_server_stop(&weak);
}

#define TESTS(T)                                        \
    T(each_refusal_says_what_to_change)                 \
    T(the_durability_class_follows_from_what_is_known)  \
    T(a_server_without_keepalive_is_remarked_upon)      \
    T(real_servers_are_judged_alike)                    \
    T(a_wrong_password_stops_the_start_with_a_sentence) \
    T(a_server_that_is_not_there_is_named)              \
    T(versions_and_classes_are_told)
FS_SUITE("store/check", TESTS)
