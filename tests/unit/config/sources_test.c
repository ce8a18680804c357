/* Defaults, file, environment and flags: who wins, and that failures change nothing. */
#include "config/config.h"
#include "support/suite.h"

#include <errno.h>
#include <unistd.h>

#include "config/keys.h"

static struct fs_config_builder *builder_of(const char *yaml)
{
    struct fs_config_builder *builder;
    struct fs_config_error error = {""};

    if (fs_config_builder_create(&builder) != 0)
        abort();
    if (yaml)
        FS_CHECK_INT(fs_config_read_text(builder, "f.yaml", yaml, strlen(yaml), &error), 0);
    FS_CHECK_STR(error.text, "");
    return builder;
}

static struct fs_config *finish(const struct fs_config_builder *builder)
{
    struct fs_config *config;
    struct fs_config_error error = {""};

    if (fs_config_finish(builder, &config, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return config;
}

static void set(struct fs_config_builder *builder, const char *key, const char *value)
{
    struct fs_config_error error = {""};

    FS_CHECK_INT(fs_config_set(builder, key, value, "--set", &error), 0);
    FS_CHECK_STR(error.text, "");
}

static void read_environment(struct fs_config_builder *builder, const char *a, const char *b)
{
    char *environment[] = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL};
    struct fs_config_error error = {""};

    FS_CHECK_INT(fs_config_read_environment(builder, environment, &error), 0);
    FS_CHECK_STR(error.text, "");
}

static void without_sources_all_is_as_documented(void)
{
    struct fs_config_builder *builder = builder_of(NULL);
    struct fs_config *config = finish(builder);

    FS_CHECK_INT(config->listen.count, 1);
    FS_CHECK_STR(config->listen.items[0], "127.0.0.1:8000");
    FS_CHECK_STR(config->admin_listen, "127.0.0.1:8001");
    FS_CHECK_STR(config->admin_token_file, "");
    FS_CHECK_STR(config->data_dir, "./flashsale-data");
    FS_CHECK_INT(config->workers, 0);
    FS_CHECK_INT(config->shutdown_timeout_us, 10000000);
    FS_CHECK_STR(config->strategy, FS_CONFIG_STRATEGY_DEFAULT);
    FS_CHECK_STR(config->strategy_dir, "");
    FS_CHECK_INT(config->strategy_option_count, 0);
    FS_CHECK_INT(config->product_count, 10);
    for (size_t i = 0; i < config->product_count; i++) {
        FS_CHECK_INT(strtol(config->products[i].id, NULL, 10), i + 1);
        FS_CHECK_INT(config->products[i].stock, 100);
        FS_CHECK_INT(config->products[i].per_user_max, 0);
        FS_CHECK_INT(config->products[i].max_quantity, 0);
        FS_CHECK_INT(config->products[i].opens_at_ms, 0);
        FS_CHECK_INT(config->products[i].closes_at_ms, 0);
        FS_CHECK_INT(config->products[i].state, FS_SALE_OPEN);
    }
    FS_CHECK_INT(config->purchase_max_quantity, 10);
    FS_CHECK_INT(config->purchase_in_flight_max, 16384);
    FS_CHECK_INT(config->purchase_deadline_us, 2000000);
    FS_CHECK_INT(config->http_request_timeout_us, 10000000);
    FS_CHECK_INT(config->http_slow_reader_timeout_us, 10000000);
    FS_CHECK_INT(config->http_connections_max, 10000);
    FS_CHECK_INT(config->http_connections_per_address_max, 0);
    FS_CHECK_INT(config->http_backlog, 4096);
    FS_CHECK_STR(config->http_access_log, "off");
    FS_CHECK(config->http2);
    FS_CHECK_STR(config->tls_certificate, "");
    FS_CHECK_STR(config->tls_key, "");
    FS_CHECK_INT(config->auth_mode, FS_AUTH_DEMO);
    FS_CHECK(!config->auth_demo_anywhere);
    FS_CHECK_STR(config->auth_demo_password, "password123");
    FS_CHECK_INT(config->auth_token_ttl_us, 3600000000);
    FS_CHECK_INT(config->auth_jwt_algorithm, FS_JWT_HS256);
    FS_CHECK_INT(config->auth_token_cache, 16384);
    FS_CHECK_INT(config->auth_login_threads, 1);
    FS_CHECK_INT(config->auth_login_queue, 256);
    FS_CHECK_INT(config->auth_login_failures_max, 20);
    FS_CHECK_INT(config->redis_urls.count, 0);
    FS_CHECK_STR(config->redis_prefix, "fs:");
    FS_CHECK_INT(config->log_level, FS_LOG_INFO);
    FS_CHECK_INT(config->log_format, FS_LOG_TEXT);
    FS_CHECK_STR(config->source, "defaults");
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void a_file_sets_every_kind_of_value(void)
{
    struct fs_config_builder *builder =
        builder_of("listen: [\"[::1]:0\", unix:/tmp/a, localhost:9]\n"
                   "data_dir: 5\n"
                   "shutdown_timeout: 250us\n"
                   "purchase: {deadline: 1m, max_quantity: 1000000}\n"
                   "http:\n"
                   "tls: {certificate: a, key: b}\n"
                   "strategy_options: {durability: memory, 'n': 3}\n"
                   "auth: {demo_anywhere: true, mode: DEMO}\n"
                   "redis: {urls: 'redis://u:p@10.0.0.1:6379/2'}\n"
                   "products:\n"
                   "  - 7\n"
                   "  - shoe:5\n"
                   "  - {id: 8, stock: 0, per_user_max: 2, max_quantity: 3, state: paused,\n"
                   "     opens_at: '2026-11-27T00:00:00Z', closes_at: 2026-11-27T01:00:00.5Z}\n");
    struct fs_config *config = finish(builder);

    FS_REQUIRE(config->listen.count == 3);
    FS_CHECK_STR(config->listen.items[0], "[::1]:0");
    FS_CHECK_STR(config->listen.items[2], "localhost:9");
    FS_CHECK_STR(config->data_dir, "5");
    FS_CHECK_INT(config->shutdown_timeout_us, 250);
    FS_CHECK_INT(config->purchase_deadline_us, 60000000);
    FS_CHECK_INT(config->purchase_max_quantity, 1000000);
    FS_CHECK_INT(config->http_backlog, 4096);
    FS_CHECK_STR(config->tls_key, "b");
    FS_REQUIRE(config->strategy_option_count == 2);
    FS_CHECK_STR(config->strategy_options[0].name, "durability");
    FS_CHECK_STR(config->strategy_options[0].value, "memory");
    FS_CHECK_STR(config->strategy_options[1].name, "n");
    FS_CHECK_STR(config->strategy_options[1].value, "3");
    FS_CHECK(config->auth_demo_anywhere);
    FS_REQUIRE(config->redis_urls.count == 1);
    FS_CHECK_STR(config->redis_urls.items[0], "redis://u:p@10.0.0.1:6379/2");
    FS_REQUIRE(config->product_count == 3);
    FS_CHECK_STR(config->products[0].id, "7");
    FS_CHECK_INT(config->products[0].stock, 100);
    FS_CHECK_STR(config->products[1].id, "shoe");
    FS_CHECK_INT(config->products[1].stock, 5);
    FS_CHECK_STR(config->products[2].id, "8");
    FS_CHECK_INT(config->products[2].stock, 0);
    FS_CHECK_INT(config->products[2].per_user_max, 2);
    FS_CHECK_INT(config->products[2].max_quantity, 3);
    FS_CHECK_INT(config->products[2].state, FS_SALE_PAUSED);
    FS_CHECK_INT(config->products[2].opens_at_ms, 1795737600000);
    FS_CHECK_INT(config->products[2].closes_at_ms, 1795741200500);
    FS_CHECK_STR(config->source, "f.yaml");
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void an_empty_file_changes_nothing(void)
{
    static const char *const EMPTY[] = {
        "", "\n\n", "# nothing\n", "---\n", "--- ~\n...\n", "{}\n", "\xef\xbb\xbf# with a mark\n"};

    for (size_t i = 0; i < sizeof(EMPTY) / sizeof(EMPTY[0]); i++) {
        struct fs_config_builder *builder = builder_of(EMPTY[i]);
        struct fs_config *config = finish(builder);
        FS_CHECK_INT(config->product_count, 10);
        fs_config_destroy(config);
        fs_config_builder_destroy(builder);
    }
}

/* Every subset of the five sources of one key, in both orders of reading. */
static void the_strongest_source_wins_whatever_the_order(void)
{
    static const char *const FILE_TEXT = "workers: 1\n";

    for (unsigned set_of = 0; set_of < 32; set_of++) {
        bool has_file = set_of & 1, has_plan = set_of & 2, has_variable = set_of & 4;
        bool has_flag = set_of & 8, reversed = set_of & 16;
        uint32_t expected = has_flag ? 4 : has_variable ? 3 : has_plan ? 2 : has_file ? 1 : 0;
        const char *plan = has_plan ? "WORKERS=2" : "WORKERS=";
        const char *variable = has_variable ? "FLASHSALE_WORKERS=3" : "OTHER=3";
        struct fs_config_builder *builder = builder_of(reversed || !has_file ? NULL : FILE_TEXT);
        struct fs_config *config;
        struct fs_config_error error;

        if (has_flag)
            set(builder, "workers", "4");
        read_environment(builder, reversed ? variable : plan, reversed ? plan : variable);
        if (has_file && reversed)
            FS_CHECK_INT(fs_config_read_text(builder, "f", FILE_TEXT, strlen(FILE_TEXT), &error),
                         0);
        config = finish(builder);
        FS_CHECK_INT(config->workers, expected);
        fs_config_destroy(config);
        fs_config_builder_destroy(builder);
    }
}

static void the_log_level_of_the_plan_is_read_in_any_case(void)
{
    struct fs_config_builder *builder = builder_of("log: {level: error}\n");
    struct fs_config *config;

    read_environment(builder, "LOG_LEVEL=WARNING", NULL);
    config = finish(builder);
    FS_CHECK_INT(config->log_level, FS_LOG_WARNING);
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void sentinels_are_one_item_though_commas_part_them(void)
{
    struct fs_config_builder *builder = builder_of("listen: 127.0.0.1:1\n");
    struct fs_config *config;

    read_environment(builder,
                     "FLASHSALE_REDIS_URLS=unix:/a, sentinel://u:p@s1:1,s2,[::1]:3/m/2 ,unix:/b,"
                     "redis-sentinel://s4/n",
                     "FLASHSALE_PRODUCTS=");
    config = finish(builder);
    FS_REQUIRE(config->redis_urls.count == 4);
    FS_CHECK_STR(config->redis_urls.items[1], "sentinel://u:p@s1:1,s2,[::1]:3/m/2");
    FS_CHECK_STR(config->redis_urls.items[2], "unix:/b");
    FS_CHECK_STR(config->redis_urls.items[3], "redis-sentinel://s4/n");
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void a_list_of_a_stronger_source_replaces_the_weaker(void)
{
    struct fs_config_builder *builder = builder_of("redis: {urls: [unix:/a, unix:/b]}\n");
    struct fs_config *config;

    read_environment(builder, "FLASHSALE_REDIS_URLS= unix:/c , unix:/d", "FLASHSALE_PRODUCTS=");
    config = finish(builder);
    FS_REQUIRE(config->redis_urls.count == 2);
    FS_CHECK_STR(config->redis_urls.items[0], "unix:/c");
    FS_CHECK_STR(config->redis_urls.items[1], "unix:/d");
    FS_CHECK_INT(config->product_count, 0);
    fs_config_destroy(config);

    set(builder, "redis.urls", "unix:/e,f");
    set(builder, "redis.urls", "unix:/g");
    set(builder, "products", "shoe:3");
    config = finish(builder);
    FS_REQUIRE(config->redis_urls.count == 2);
    FS_CHECK_STR(config->redis_urls.items[0], "unix:/e,f");
    FS_CHECK_STR(config->redis_urls.items[1], "unix:/g");
    FS_REQUIRE(config->product_count == 1);
    FS_CHECK_INT(config->products[0].stock, 3);
    fs_config_destroy(config);

    set(builder, "redis.urls", "");
    config = finish(builder);
    FS_CHECK_INT(config->redis_urls.count, 0);
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void options_of_the_strategy_are_merged_by_name(void)
{
    struct fs_config_builder *builder = builder_of("strategy_options: {a: 1, b: 1, c: 1}\n");
    struct fs_config *config;

    set(builder, "strategy_options.c", "3");
    set(builder, "strategy_options.c", "4");
    set(builder, "strategy_options.d", "");
    read_environment(builder, "FLASHSALE_STRATEGY_OPTIONS_B=2", "FLASHSALE_STRATEGY_OPTIONS_C=2");
    config = finish(builder);
    FS_REQUIRE(config->strategy_option_count == 4);
    FS_CHECK_STR(config->strategy_options[0].value, "1");
    FS_CHECK_STR(config->strategy_options[1].value, "2");
    FS_CHECK_STR(config->strategy_options[2].value, "4");
    FS_CHECK_STR(config->strategy_options[3].name, "d");
    FS_CHECK_STR(config->strategy_options[3].value, "");
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void every_key_has_a_variable_of_its_own(void)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        char name[FS_CONFIG_PATH_SIZE], other[FS_CONFIG_PATH_SIZE], setting[512];
        struct fs_config_builder *builder = builder_of(NULL);
        fs_config_key_variable(&keys[i], name);
        for (size_t j = 0; j < i; j++) {
            fs_config_key_variable(&keys[j], other);
            FS_CHECK(strcmp(name, other) != 0);
        }
        snprintf(setting, sizeof(setting), "%s=%s", name, keys[i].default_text);
        if (keys[i].kind != FS_CONFIG_OPTIONS)
            read_environment(builder, setting, NULL);
        fs_config_builder_destroy(builder);
    }
}

static void a_bad_variable_is_named(void)
{
    static const char *const BAD[][2] = {
        {"FLASHSALE_PURCHASE_DEADLNE=2s",
         "FLASHSALE_PURCHASE_DEADLNE: unknown variable; did you mean "
         "'FLASHSALE_PURCHASE_DEADLINE'?"},
        {"FLASHSALE_X=1",
         "FLASHSALE_X: unknown variable; every FLASHSALE_ name is a key in capitals"},
        {"FLASHSALE_WORKERS=two", "FLASHSALE_WORKERS: 'workers' must be a whole number, not 'two'"},
        {"WORKERS=two", "WORKERS: 'workers' must be a whole number, not 'two'"},
        {"LOG_LEVEL=loud",
         "LOG_LEVEL: 'log.level' must be debug, info, warning or error, not 'loud'"},
        {"FLASHSALE_STRATEGY_OPTIONS=a", "FLASHSALE_STRATEGY_OPTIONS: options are set one by one, "
                                         "as strategy_options.NAME=VALUE or "
                                         "FLASHSALE_STRATEGY_OPTIONS_NAME=VALUE"},
        {"FLASHSALE_LISTEN=127.0.0.1:1,,127.0.0.1:2",
         "FLASHSALE_LISTEN: 'listen' must not be empty"},
        {"FLASHSALE_DATA_DIR=\xff", "FLASHSALE_DATA_DIR: 'data_dir' is not valid UTF-8"},
        {"FLASHSALE_AUTH_DEMO_PASSWORD=", "FLASHSALE_AUTH_DEMO_PASSWORD: 'auth.demo_password' must "
                                          "not be empty"},
    };

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        struct fs_config_builder *builder = builder_of(NULL);
        char *environment[] = {(char *)(uintptr_t)BAD[i][0], NULL};
        struct fs_config_error error = {"accepted"};
        FS_CHECK_INT(fs_config_read_environment(builder, environment, &error), -EINVAL);
        FS_CHECK_STR(error.text, BAD[i][1]);
        fs_config_builder_destroy(builder);
    }
}

static void a_bad_flag_is_named_as_the_user_wrote_it(void)
{
    static const char *const BAD[][4] = {
        {"purchase.deadline", "2", "--set",
         "--set purchase.deadline=2: 'purchase.deadline' must be a whole number with a unit (us, "
         "ms, "
         "s, m or h), such as 2s or 500ms, not '2'"},
        {"purchase.deadline", "2", NULL,
         "purchase.deadline=2: 'purchase.deadline' must be a whole number with a unit (us, ms, s, "
         "m "
         "or h), such as 2s or 500ms, not '2'"},
        {"listen", "8000", "--listen",
         "--listen 8000: 'listen' must be an address such as 127.0.0.1:8000, [::1]:8000 or "
         "unix:/path, not '8000'"},
        {"purchse.deadline", "secret", "--set",
         "--set purchse.deadline: unknown key 'purchse.deadline'; did you mean "
         "'purchase.deadline'?"},
        {"purchase", "2", "--set",
         "--set purchase: 'purchase' is a section; one of its keys is 'purchase.max_quantity'"},
        {"strategy_options", "a", "--set",
         "--set strategy_options: options are set one by one, as strategy_options.NAME=VALUE or "
         "FLASHSALE_STRATEGY_OPTIONS_NAME=VALUE"},
        {"redis.urls", "redis://u:secret@h", "--redis",
         "--redis redis://(set)@h: 'redis.urls' must be redis://[user:password@]host:port[/db], "
         "unix:/path or sentinel://[user:password@]host:port,host:port/master[/db]; the part "
         "without user and password is 'h'"},
        {"products", "a:b", "--set",
         "--set products=a:b: 'products.stock' must be a whole number, not 'b'"},
        {"", "", "--set", "--set : unknown key ''"},
    };

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        struct fs_config_builder *builder = builder_of(NULL);
        struct fs_config_error error = {"accepted"};
        FS_CHECK_INT(fs_config_set(builder, BAD[i][0], BAD[i][1], BAD[i][2], &error), -EINVAL);
        FS_CHECK_STR(error.text, BAD[i][3]);
        fs_config_builder_destroy(builder);
    }
}

static void a_failed_read_changes_nothing(void)
{
    struct fs_config_builder *builder = builder_of("workers: 5\n");
    char *environment[] = {(char[]){"FLASHSALE_WORKERS=6"}, (char[]){"FLASHSALE_NO=1"}, NULL};
    struct fs_config_error error;
    struct fs_config *config;

    set(builder, "listen", "127.0.0.1:1");
    FS_CHECK_INT(fs_config_read_text(builder, "g", "workers: 7\nx: 1\n", 16, &error), -EINVAL);
    FS_CHECK_INT(fs_config_read_environment(builder, environment, &error), -EINVAL);
    FS_CHECK_INT(fs_config_set(builder, "listen", "x", "--listen", &error), -EINVAL);
    FS_CHECK_INT(fs_config_set(builder, "workers", "x", "--workers", &error), -EINVAL);
    FS_CHECK_INT(fs_config_read_file(builder, "/nonexistent/f.yaml", &error), -ENOENT);
    FS_CHECK_STR(error.text, "/nonexistent/f.yaml: cannot be read: No such file or directory");
    FS_CHECK_INT(fs_config_read_file(builder, "/", &error), -EIO);
    FS_CHECK_STR(error.text, "/: cannot be read: Is a directory");
    config = finish(builder);
    FS_CHECK_INT(config->workers, 5);
    FS_CHECK_INT(config->listen.count, 1);
    FS_CHECK_STR(config->source, "f.yaml");
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    if (!out || fputs(text, out) < 0 || fclose(out) != 0)
        abort();
}

static void a_copy_reads_the_file_again_and_leaves_the_original_alone(void)
{
    char path[] = "/tmp/fs-config-XXXXXX";
    struct fs_config_builder *builder = builder_of(NULL), *copy;
    struct fs_config *before, *after;
    struct fs_config_error error;
    int fd = mkstemp(path);

    FS_REQUIRE(fd >= 0);
    close(fd);
    write_file(path, "workers: 1\nproducts: [a, b]\nstrategy_options: {x: y}\n");
    FS_CHECK_INT(fs_config_read_file(builder, path, &error), 0);
    set(builder, "log.level", "debug");
    FS_REQUIRE(fs_config_builder_copy(builder, &copy) == 0);
    write_file(path, "workers: 2\nlog: {level: error}\n");
    FS_CHECK_INT(fs_config_reread(copy, &error), 0);
    before = finish(builder);
    fs_config_builder_destroy(builder);
    after = finish(copy);
    FS_CHECK_INT(before->workers, 1);
    FS_CHECK_INT(before->product_count, 2);
    FS_CHECK_INT(before->strategy_option_count, 1);
    FS_CHECK_INT(after->workers, 2);
    FS_CHECK_INT(after->product_count, 10);
    FS_CHECK_INT(after->strategy_option_count, 0);
    FS_CHECK_INT(after->log_level, FS_LOG_DEBUG);
    FS_CHECK_STR(after->source, path);
    fs_config_destroy(after);

    write_file(path, "workers: x\n");
    FS_CHECK_INT(fs_config_reread(copy, &error), -EINVAL);
    unlink(path);
    FS_CHECK_INT(fs_config_reread(copy, &error), -ENOENT);
    after = finish(copy);
    FS_CHECK_INT(after->workers, 2);
    fs_config_destroy(after);
    fs_config_destroy(before);
    fs_config_builder_destroy(copy);
}

static void reading_again_without_a_file_does_nothing(void)
{
    struct fs_config_builder *builder = builder_of("workers: 5\n");
    struct fs_config_error error;
    struct fs_config *config;

    FS_CHECK_INT(fs_config_reread(builder, &error), 0);
    config = finish(builder);
    FS_CHECK_INT(config->workers, 5);
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
}

#define TESTS(T)                                                 \
    T(without_sources_all_is_as_documented)                      \
    T(a_file_sets_every_kind_of_value)                           \
    T(an_empty_file_changes_nothing)                             \
    T(the_strongest_source_wins_whatever_the_order)              \
    T(the_log_level_of_the_plan_is_read_in_any_case)             \
    T(sentinels_are_one_item_though_commas_part_them)            \
    T(a_list_of_a_stronger_source_replaces_the_weaker)           \
    T(options_of_the_strategy_are_merged_by_name)                \
    T(every_key_has_a_variable_of_its_own)                       \
    T(a_bad_variable_is_named)                                   \
    T(a_bad_flag_is_named_as_the_user_wrote_it)                  \
    T(a_failed_read_changes_nothing)                             \
    T(a_copy_reads_the_file_again_and_leaves_the_original_alone) \
    T(reading_again_without_a_file_does_nothing)

FS_SUITE("config/sources", TESTS)
