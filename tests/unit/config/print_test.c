/* What is printed: the reference, and the resolved configuration with origins and without secrets. */
#include "config/config.h"
#include "support/suite.h"

static struct fs_config *load(const char *name, const char *yaml, size_t len,
                              struct fs_config_builder **builder)
{
    struct fs_config *config;
    struct fs_config_error error = {""};

    if (fs_config_builder_create(builder) != 0 ||
        fs_config_read_text(*builder, name, yaml, len, &error) != 0 ||
        fs_config_finish(*builder, &config, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return config;
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *in = fopen(path, "r");

    if (!in || getdelim(&text, &size, '\0', in) < 0) {
        free(text);
        text = NULL;
    }
    if (in)
        fclose(in);
    return text;
}

static void check_all_same(const struct fs_config *a, const struct fs_config *b, bool expected)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    for (size_t i = 0; i < count; i++)
        fs_check_int(fs_config_same(&keys[i], a, b), expected, keys[i].path, "expected", __LINE__,
                     __FILE__);
}

static void the_documented_file_is_what_the_table_says(void)
{
    char *file = read_file(FS_REFERENCE_FILE), *reference = fs_config_reference();

    FS_REQUIRE(file && reference);
    if (strcmp(file, reference) != 0)
        fprintf(stderr, "config/flashsale.yaml is out of date: ninja config_reference\n");
    FS_CHECK(strcmp(file, reference) == 0);
    free(file);
    free(reference);
}

static void the_documented_file_sets_every_key_to_its_default(void)
{
    char *file = read_file(FS_REFERENCE_FILE), *yaml;
    struct fs_config_builder *documented, *bare;
    struct fs_config *from_file, *defaults;

    FS_REQUIRE(file);
    from_file = load("flashsale.yaml", file, strlen(file), &documented);
    defaults = load("empty", "", 0, &bare);
    check_all_same(from_file, defaults, true);
    yaml = fs_config_to_yaml(documented, from_file);
    FS_REQUIRE(yaml);
    FS_CHECK(!strstr(yaml, "# default"));
    free(yaml);
    fs_config_destroy(from_file);
    fs_config_destroy(defaults);
    fs_config_builder_destroy(documented);
    fs_config_builder_destroy(bare);
    free(file);
}

/* Two rows of one path would free its field twice. */
static void each_key_is_in_the_table_once(void)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            FS_CHECK(strcmp(keys[i].path, keys[j].path) != 0);
}

/* The comment block above a key, between it and the blank line before, ends with its default. */
static void every_key_is_documented_with_unit_and_default(void)
{
    char *file = read_file(FS_REFERENCE_FILE);
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    FS_REQUIRE(file);
    for (size_t i = 0; i < count; i++) {
        const char *dot = strchr(keys[i].path, '.'), *section = file, *key, *blank;
        char line[256], block[2048];
        if (dot) {
            snprintf(line, sizeof(line), "\n%.*s:\n", (int)(dot - keys[i].path), keys[i].path);
            section = strstr(file, line);
            FS_REQUIRE(section != NULL);
        }
        snprintf(line, sizeof(line), "\n%s%s:", dot ? "  " : "", dot ? dot + 1 : keys[i].path);
        key = strstr(section, line);
        FS_REQUIRE(key != NULL);
        blank = key;
        while (blank > file && memcmp(blank, "\n\n", 2) != 0)
            blank--;
        snprintf(block, sizeof(block), "%.*s\n", (int)(key - blank), blank);
        snprintf(line, sizeof(line), "; default: %s", keys[i].default_text);
        FS_CHECK_CONTAINS(block, line);
        FS_CHECK_CONTAINS(block, keys[i].unit);
    }
    free(file);
}

static const char FULL[] =
    "listen: [\"[::1]:0\", unix:/tmp/a@b]\n"
    "data_dir: \"a \\\"b\\\" \\\\ # \xc3\xa4\"\n"
    "workers: 3\n"
    "shutdown_timeout: 1500ms\n"
    "shutdown_delay: 250ms\n"
    "strategy: v2\n"
    "strategy_dir: 'off'\n"
    "strategy_options: {durability: memory, n: ''}\n"
    "products:\n"
    "  - {id: 8, stock: 0, per_user_max: 2, max_quantity: 3, state: paused,\n"
    "     opens_at: 2026-11-27T00:00:00Z, closes_at: 2026-11-28T00:00:00Z}\n"
    "admin: {listen: 'unix:/b', token_file: t}\n"
    "purchase: {max_quantity: 3, in_flight_max: 4, deadline: 30ms, rate_per_buyer: 9,\n"
    "           rate_per_address: 90}\n"
    "http: {request_timeout: 1s, slow_reader_timeout: 2s,\n"
    "       connections_max: 9, connections_per_address_max: 8,\n"
    "       backlog: 7, access_log: stderr, http2: false, health: true,\n"
    "       unsent_max: 3MiB, http2_memory_max: 5MiB, idle_timeout: 3s,\n"
    "       trusted_proxies: [10.0.0.0/8], proxy_protocol: true, cors_origins: ['*']}\n"
    "service_tokens_file: s\n"
    "tls: {certificate: c, key: k}\n"
    "shop: {page: off}\n"
    "auth: {mode: users, demo_anywhere: true, demo_password: hunter2,\n"
    "       users_file: u, token_ttl: 90s, token_key_file: f,\n"
    "       jwt_algorithm: ES256, jwt_key_file: p, jwt_issuer: i,\n"
    "       jwt_algorithms: [ES256], jwks_file: j, jwks_url: 'https://i/j',\n"
    "       buyer_claim: b, leeway: 1s,\n"
    "       jwt_audience: a, token_cache: 0, login_threads: 2,\n"
    "       login_queue: 3, login_failures_max: 4,\n"
    "       login_failures_address_max: 5}\n"
    "redis: {urls: [redis://u:hunter2@h:1/2, redis://h:2], prefix: '',\n"
    "        private_servers: 2, private_fsync: everysec, command_timeout: 2s,\n"
    "        connect_timeout: 3s, start_timeout: 7s, stall_timeout: 4s, in_flight_max: 32,\n"
    "        wait_replicas: 2, accept_eviction: true}\n"
    "log: {level: debug, format: json}\n";

static void what_is_printed_is_read_back_as_the_same_but_for_secrets(void)
{
    struct fs_config_builder *builder, *builder_again, *bare;
    struct fs_config *config = load("f.yaml", FULL, strlen(FULL), &builder), *again, *defaults;
    char *yaml = fs_config_to_yaml(builder, config);
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    FS_REQUIRE(yaml);
    FS_CHECK(!strstr(yaml, "hunter2"));
    FS_CHECK_CONTAINS(yaml, "demo_password: \"(set)\"");
    FS_CHECK_CONTAINS(yaml, "urls: [\"redis://(set)@h:1/2\", \"redis://h:2\"]");
    again = load("again.yaml", yaml, strlen(yaml), &builder_again);
    defaults = load("empty", "", 0, &bare);
    for (size_t i = 0; i < count; i++) {
        bool secret = strcmp(keys[i].path, "auth.demo_password") == 0 ||
                      strcmp(keys[i].path, "redis.urls") == 0;
        fs_check_int(fs_config_same(&keys[i], config, again), !secret, keys[i].path, "!secret",
                     __LINE__, __FILE__);
        fs_check_int(fs_config_same(&keys[i], config, defaults), false, keys[i].path, "differs",
                     __LINE__, __FILE__);
    }
    free(yaml);
    fs_config_destroy(config);
    fs_config_destroy(again);
    fs_config_destroy(defaults);
    fs_config_builder_destroy(builder);
    fs_config_builder_destroy(builder_again);
    fs_config_builder_destroy(bare);
}

static void each_value_is_printed_with_its_origin(void)
{
    static const char YAML[] = "workers: 2\nlog: {level: debug}\nproducts: [a]\n"
                               "strategy_options: {x: 1}\n";
    struct fs_config_builder *builder;
    struct fs_config *config = load("dir/f.yaml", YAML, strlen(YAML), &builder);
    struct fs_config_error error;
    char *environment[] = {(char[]){"FLASHSALE_HTTP_BACKLOG=9"}, (char[]){"WORKERS=4"}, NULL};
    char *yaml;

    fs_config_destroy(config);
    FS_CHECK_INT(fs_config_read_environment(builder, environment, &error), 0);
    FS_CHECK_INT(fs_config_set(builder, "listen", "127.0.0.1:1", "--listen", &error), 0);
    FS_CHECK_INT(fs_config_set(builder, "http.access_log", "a", "--set", &error), 0);
    FS_CHECK_INT(fs_config_set(builder, "auth.demo_password", "hunter2", "--set", &error), 0);
    FS_CHECK_INT(fs_config_set(builder, "redis.prefix", "x:", NULL, &error), 0);
    FS_REQUIRE(fs_config_finish(builder, &config, &error) == 0);
    yaml = fs_config_to_yaml(builder, config);
    FS_REQUIRE(yaml);
    FS_CHECK_CONTAINS(yaml, "\nworkers: 4  # WORKERS\n");
    FS_CHECK_CONTAINS(yaml, "\n  level: debug  # dir/f.yaml:2:14\n");
    FS_CHECK_CONTAINS(yaml, "\nproducts:  # dir/f.yaml:3:11\n  - {id: \"a\", stock: 100,");
    FS_CHECK_CONTAINS(yaml, "\n  \"x\": \"1\"  # dir/f.yaml:4:23\n");
    FS_CHECK_CONTAINS(yaml, "\n  backlog: 9  # FLASHSALE_HTTP_BACKLOG\n");
    FS_CHECK_CONTAINS(yaml, "listen: [\"127.0.0.1:1\"]  # --listen\n");
    FS_CHECK_CONTAINS(yaml, "\n  access_log: \"a\"  # --set http.access_log\n");
    FS_CHECK_CONTAINS(yaml, "\n  demo_password: \"(set)\"  # --set auth.demo_password\n");
    FS_CHECK_CONTAINS(yaml, "\n  prefix: \"x:\"  # redis.prefix\n");
    FS_CHECK_CONTAINS(yaml, "\n  deadline: 2s  # default\n");
    FS_CHECK(!strstr(yaml, "hunter2"));
    free(yaml);
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void a_strange_file_name_cannot_break_a_line(void)
{
    static const char YAML[] = "workers: 2\n";
    struct fs_config_builder *builder;
    struct fs_config *config = load("a\nlisten: \xff\xe2\x80\xa8", YAML, strlen(YAML), &builder);
    char *yaml = fs_config_to_yaml(builder, config);

    FS_REQUIRE(yaml);
    FS_CHECK_CONTAINS(yaml, "\nworkers: 2  # a?listen: ?"
                            "???"
                            ":1:10\n");
    free(yaml);
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

#define TESTS(T)                                                \
    T(each_key_is_in_the_table_once)                            \
    T(the_documented_file_is_what_the_table_says)               \
    T(the_documented_file_sets_every_key_to_its_default)        \
    T(every_key_is_documented_with_unit_and_default)            \
    T(what_is_printed_is_read_back_as_the_same_but_for_secrets) \
    T(each_value_is_printed_with_its_origin)                    \
    T(a_strange_file_name_cannot_break_a_line)

FS_SUITE("config/print", TESTS)
