/* What is refused, and what the message says: files as data. */
#include "config/config.h"
#include "support/suite.h"

#include <errno.h>

struct refusal {
    const char *yaml;
    const char *message;
};

#define CHECK_REFUSALS(table)                                       \
    for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) \
        check_refusal(&(table)[i], __LINE__);

/* The text is refused with this message, by the reader or when it is finished. */
static void check_refusal(const struct refusal *refusal, unsigned line)
{
    struct fs_config_builder *builder;
    struct fs_config *config = NULL;
    struct fs_config_error error = {"accepted"};
    int rc = fs_config_builder_create(&builder);

    FS_REQUIRE(rc == 0);
    rc = fs_config_read_text(builder, "f.yaml", refusal->yaml, strlen(refusal->yaml), &error);
    if (rc == 0)
        rc = fs_config_finish(builder, &config, &error);
    fs_check_int(rc, -EINVAL, "rc", "-EINVAL", line, refusal->yaml);
    fs_check_text(error.text, strlen(error.text), refusal->message, "error", line, __FILE__);
    fs_config_destroy(rc == 0 ? config : NULL);
    fs_config_builder_destroy(builder);
}

static void an_unknown_key_is_refused_and_a_near_one_suggested(void)
{
    static const struct refusal REFUSALS[] = {
        {"workers: 2\npurchase:\n  deadlne: 2s\n",
         "f.yaml:3:3: unknown key 'purchase.deadlne'; did you mean 'purchase.deadline'?"},
        {"purchse:\n  deadline: 2s\n",
         "f.yaml:1:1: unknown key 'purchse'; did you mean 'purchase'?"},
        {"wrokers: 2\n", "f.yaml:1:1: unknown key 'wrokers'; did you mean 'workers'?"},
        {"level: debug\n", "f.yaml:1:1: unknown key 'level'; did you mean 'log.level'?"},
        {"http:\n  deadline: 2s\n",
         "f.yaml:2:3: unknown key 'http.deadline'; did you mean 'purchase.deadline'?"},
        {"frobnicate: 1\n", "f.yaml:1:1: unknown key 'frobnicate'"},
        {"\"\": 1\n", "f.yaml:1:1: unknown key ''"},
        {"\"listen\\0\": x\n", "f.yaml:1:1: unknown key 'listen?'; did you mean 'listen'?"},
        {"products:\n  - {id: a, stok: 3}\n",
         "f.yaml:2:13: unknown key 'products.stok'; did you mean 'products.stock'?"},
        {"purchase.deadline: 2s\n",
         "f.yaml:1:1: in a file, 'purchase.deadline' is 'deadline:' below 'purchase:'"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void a_key_given_twice_is_refused_with_the_line_of_the_first(void)
{
    static const struct refusal REFUSALS[] = {
        {"workers: 2\n\nworkers: 3\n", "f.yaml:3:1: 'workers' was given before, on line 1"},
        {"log:\n  level: info\n  level: info\n",
         "f.yaml:3:3: 'log.level' was given before, on line 2"},
        {"log:\n  level: info\nworkers: 1\nlog:\n  format: text\n",
         "f.yaml:4:1: 'log' was given before, on line 1"},
        {"strategy_options:\n  a: 1\n  a: 2\n",
         "f.yaml:3:3: 'strategy_options.a' was given before, on line 2"},
        {"strategy_options: {}\nstrategy_options: {}\n",
         "f.yaml:2:1: 'strategy_options' was given before, on line 1"},
        {"products:\n  - id: a\n    stock: 1\n    stock: 1\n",
         "f.yaml:4:5: 'products.stock' was given before, on line 3"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void a_value_of_the_wrong_form_is_refused(void)
{
    static const struct refusal REFUSALS[] = {
        {"workers: two\n", "f.yaml:1:10: 'workers' must be a whole number, not 'two'"},
        {"workers: 2.5\n", "f.yaml:1:10: 'workers' must be a whole number, not '2.5'"},
        {"workers: \"\"\n", "f.yaml:1:10: 'workers' must be a whole number, not ''"},
        {"workers: [1]\n", "f.yaml:1:10: 'workers' must be a single value, not a list"},
        {"data_dir: {a: b}\n", "f.yaml:1:11: 'data_dir' must be a single value, not a map"},
        {"http:\n  http2: yes\n", "f.yaml:2:10: 'http.http2' must be true or false, not 'yes'"},
        {"log:\n  level: loud\n",
         "f.yaml:2:10: 'log.level' must be debug, info, warning or error, not 'loud'"},
        {"log: debug\n",
         "f.yaml:1:6: 'log' is a section: its keys stand below it, such as 'log.level'"},
        {"listen:\n  - a: b\n", "f.yaml:2:5: 'listen' must be a single value, not a map"},
        {"listen: {a: b}\n", "f.yaml:1:9: 'listen' must be a single value, not a map"},
        {"products: 5\n", "f.yaml:1:11: 'products' must be a list, not a single value"},
        {"products: {id: a}\n", "f.yaml:1:11: 'products' must be a list, not a map"},
        {"strategy_options: [a]\n",
         "f.yaml:1:19: 'strategy_options' must be a map of names to texts, not a list"},
        {"strategy_options:\n  a: [b]\n",
         "f.yaml:2:6: 'strategy_options.a' must be a single value, not a list"},
        {"strategy_options:\n  a b: c\n",
         "f.yaml:2:8: the name of an option in 'strategy_options' must be 1 to 64 of "
         "A-Z a-z 0-9 _ -, not 'a b'"},
        {"data_dir:\n",
         "f.yaml:1:10: 'data_dir' has no value; leave the key out for its default, or write \"\" "
         "for an empty text and [] for an empty list"},
        {"products: ~\n",
         "f.yaml:1:11: 'products' has no value; leave the key out for its default, or write \"\" "
         "for an empty text and [] for an empty list"},
        {"data_dir: \"\"\n", "f.yaml:1:11: 'data_dir' must not be empty"},
        {"data_dir: \"a\\0b\"\n", "f.yaml:1:11: 'data_dir' contains a control character"},
        {"data_dir: \"\\u2028\"\n", "f.yaml:1:11: 'data_dir' contains a control character"},
        {"\"a\\x7fb\": 1\n", "f.yaml:1:1: unknown key 'a?b'"},
        {"data_dir: \"a\\nb\"\n", "f.yaml:1:11: 'data_dir' contains a control character"},
        {"? {a: b}\n: c\n", "f.yaml:1:3: a key must be a plain word, not a map"},
        {"- a\n", "f.yaml:1:1: a configuration is a map of keys, such as 'workers: 2', not a list"},
        {"hello\n",
         "f.yaml:1:1: a configuration is a map of keys, such as 'workers: 2', not a single value"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void a_duration_needs_a_whole_number_and_a_unit(void)
{
    static const char *const WRONG[] = {"2",    "2 s",   "1.5s", "2S", "s",
                                        "2sec", "1m30s", "-2s",  "+2s"};
    char yaml[64], message[256];

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        snprintf(yaml, sizeof(yaml), "purchase:\n  deadline: %s\n", WRONG[i]);
        snprintf(
            message, sizeof(message),
            "f.yaml:2:13: 'purchase.deadline' must be a whole number with a unit (us, ms, s, m "
            "or h), such as 2s or 500ms, not '%s'",
            WRONG[i]);
        check_refusal(&(struct refusal){yaml, message}, __LINE__);
    }
}

static void a_value_out_of_range_is_refused_with_range_and_unit(void)
{
    static const struct refusal REFUSALS[] = {
        {"workers: 65\n",
         "f.yaml:1:10: 'workers' must be from 0 to 64 event-loop threads, not '65'"},
        {"workers: -1\n",
         "f.yaml:1:10: 'workers' must be from 0 to 64 event-loop threads, not '-1'"},
        {"workers: 99999999999999999999\n",
         "f.yaml:1:10: 'workers' must be from 0 to 64 event-loop threads, not "
         "'99999999999999999999'"},
        {"purchase: {deadline: 9ms}\n",
         "f.yaml:1:22: 'purchase.deadline' must be from 10ms to 1m, not '9ms'"},
        {"purchase: {deadline: 61s}\n",
         "f.yaml:1:22: 'purchase.deadline' must be from 10ms to 1m, not '61s'"},
        {"purchase: {deadline: 9223372036854775807h}\n",
         "f.yaml:1:22: 'purchase.deadline' must be from 10ms to 1m, not '9223372036854775807h'"},
        {"products:\n  - {id: a, stock: -1}\n",
         "f.yaml:2:20: 'products.stock' must be from 0 to 1000000000 units, not '-1'"},
        {"redis: {prefix: abcdefghijklmnopqrstuvwxyzabcdefg}\n",
         "f.yaml:1:17: 'redis.prefix' is longer than 32 bytes"},
        {"redis: {prefix: \"{a}\"}\n",
         "f.yaml:1:17: 'redis.prefix' may contain A-Z a-z 0-9 _ - : . only"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void yaml_that_is_not_plain_is_refused(void)
{
    static const struct refusal REFUSALS[] = {
        {"data_dir: &a x\n",
         "f.yaml:1:11: anchors (&) and aliases (*) are not used here; write the "
         "value, in quotes if it begins so"},
        {"data_dir: *a\n", "f.yaml:1:11: anchors (&) and aliases (*) are not used here; write the "
                           "value, in quotes if it begins so"},
        {"purchase: &p\n  deadline: 2s\n", "f.yaml:1:11: anchors (&) and aliases (*) are not used "
                                           "here; write the value, in quotes if "
                                           "it begins so"},
        {"workers: !!int 2\n",
         "f.yaml:1:10: tags (!) are not used here; write the value, in quotes "
         "if it begins so"},
        {"workers: 2\n---\nworkers: 3\n",
         "f.yaml:2:1: a second document begins here; only one is read"},
        {"purchase:\n\tdeadline: 2s\n", "f.yaml:2:1: a tab cannot indent in YAML; use spaces"},
        {"data_dir: a\n  deadline: 3\n",
         "f.yaml:2:11: mapping values are not allowed in this context"},
        {"redis: {urls: [unix:/a\n",
         "f.yaml:2:1: did not find expected ',' or ']', while parsing a flow "
         "sequence"},
        {"data_dir: \"a\n", "f.yaml:2:1: found unexpected end of stream, while scanning a quoted "
                            "scalar"},
        {"workers: 1\ndata_dir: a\xff\n",
         "f.yaml:2:12: invalid leading UTF-8 octet (the file must be UTF-8 text)"},
        {"data_dir: \xc3\xa4\xc3(\n",
         "f.yaml:1:13: invalid trailing UTF-8 octet (the file must be UTF-8 text)"},
        {"data_dir: a\x01\n",
         "f.yaml:1:12: control characters are not allowed (the file must be UTF-8 text)"},
        {"data_dir: \xc3\xa4 \xc3\xa4\nx: 1\n", "f.yaml:2:1: unknown key 'x'"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void a_product_is_checked_as_a_whole(void)
{
    static const struct refusal REFUSALS[] = {
        {"products:\n  - stock: 3\n", "f.yaml:2:5: a product needs an 'id'"},
        {"products:\n  - id: a\n  - id: b\n  - id: a\n",
         "f.yaml:4:9: 'products' has the product 'a' twice"},
        {"products: [a, b:3, a:4]\n", "f.yaml:1:20: 'products' has the product 'a' twice"},
        {"products:\n  - id: a/b\n",
         "f.yaml:2:9: 'products.id' must be 1 to 64 of A-Z a-z 0-9 _ -, not 'a/b'"},
        {"products:\n  - id: \"\"\n", "f.yaml:2:9: 'products.id' must not be empty"},
        {"products:\n  - id: a\n    state: sold\n",
         "f.yaml:3:12: 'products.state' must be open, paused or closed, not 'sold'"},
        {"products:\n  - id: a\n    opens_at: tomorrow\n",
         "f.yaml:3:15: 'products.opens_at' must be a time such as 2026-11-27T00:00:00Z, not "
         "'tomorrow'"},
        {"products:\n  - id: a\n    opens_at: 2026-11-27T01:00:00Z\n"
         "    closes_at: 2026-11-27T02:00:00+01:00\n",
         "f.yaml:2:5: product 'a' closes before it opens: closes_at must be after opens_at"},
        {"products: [[a]]\n", "f.yaml:1:12: 'products' must be a single value, not a list"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void an_address_that_is_none_is_refused(void)
{
    static const struct refusal REFUSALS[] = {
        {"listen: 8000\n", "f.yaml:1:9: 'listen' must be an address such as 127.0.0.1:8000, "
                           "[::1]:8000 or unix:/path, not '8000'"},
        {"listen: \"::1:8000\"\n", "f.yaml:1:9: 'listen' must be an address such as "
                                   "127.0.0.1:8000, [::1]:8000 or unix:/path, not '::1:8000'"},
        {"listen: \":8000\"\n", "f.yaml:1:9: 'listen' must be an address such as 127.0.0.1:8000, "
                                "[::1]:8000 or unix:/path, not ':8000'"},
        {"listen: 127.0.0.1:65536\n",
         "f.yaml:1:9: 'listen': the port of '127.0.0.1:65536' must be from 0 to 65535"},
        {"listen: \"127.0.0.1:\"\n",
         "f.yaml:1:9: 'listen': the port of '127.0.0.1:' must be from 0 to 65535"},
        {"listen: [127.0.0.1:1, \"example.org:80\"]\n",
         "f.yaml:1:23: 'listen' takes addresses only, no host names but localhost, not "
         "'example.org:80'; 0.0.0.0 is every IPv4 address of this machine, [::] every address"},
        {"admin: {listen: \"unix:\"}\n",
         "f.yaml:1:17: 'admin.listen' lacks the path after 'unix:'"},
        {"listen: []\n", "f.yaml:1:9: 'listen' needs at least one address"},
        {"listen: [127.0.0.1:1, localhost:1]\n",
         "f.yaml:1:9: 'listen' has the address localhost:1 twice"},
        {"listen: unix:/a\nadmin: {listen: unix:/a}\n",
         "f.yaml:2:17: 'admin.listen' and 'listen' have the same address unix:/a"},
        {"admin:\n  listen: 127.0.0.1:8000\n",
         "f.yaml:2:11: 'admin.listen' and 'listen' have the same address 127.0.0.1:8000"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void a_redis_url_that_is_none_is_refused_without_showing_a_password(void)
{
    static const struct refusal REFUSALS[] = {
        {"redis: {urls: \"rediss://u:secret@h:1\"}\n",
         "f.yaml:1:15: 'redis.urls': rediss:// (TLS to Redis) is not available; use redis:// in a "
         "network of your own, or a TLS tunnel"},
        {"redis:\n  urls:\n    - redis://u:secret@h\n",
         "f.yaml:3:7: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 'h'"},
        {"redis: {urls: \"redis://h:0\"}\n",
         "f.yaml:1:15: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 'h:0'"},
        {"redis: {urls: \"redis://h:1/x\"}\n",
         "f.yaml:1:15: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 'h:1/x'"},
        {"redis: {urls: 'redis://u:secret@h\"x:1'}\n",
         "f.yaml:1:15: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 'h\"x:1'"},
        {"redis: {urls: \"secret@h:1\"}\n",
         "f.yaml:1:15: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 'h:1'"},
        {"redis: {urls: \"sentinel://:secret@s:1\"}\n",
         "f.yaml:1:15: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 's:1'"},
        {"redis: {urls: \"sentinel://s:1/m y\"}\n",
         "f.yaml:1:15: 'redis.urls' must be redis://[user:password@]host:port[/db], unix:/path or "
         "sentinel://[user:password@]host:port,host:port/master[/db]; the part without user and "
         "password is 's:1/m y'"},
        {"redis: {urls: \"\"}\n", "f.yaml:1:15: 'redis.urls' must not be empty"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void keys_that_contradict_each_other_are_refused(void)
{
    static const struct refusal REFUSALS[] = {
        {"tls: {certificate: a.pem}\n", "f.yaml:1:20: 'tls.certificate' needs 'tls.key' beside it"},
        {"tls: {key: a.pem}\n", "f.yaml:1:12: 'tls.key' needs 'tls.certificate' beside it"},
        {"auth: {mode: users}\n", "f.yaml:1:14: 'auth.mode' users needs 'auth.users_file'"},
        {"auth: {mode: jwt}\n", "f.yaml:1:14: 'auth.mode' jwt needs one of 'auth.jwt_key_file', "
                                "'auth.jwks_file' and 'auth.jwks_url'"},
        {"http2: true\nhttp: {http2: true}\n",
         "f.yaml:2:8: 'http.http2' was given before, on line 1"},
        {"listen: 0.0.0.0:80\n",
         "f.yaml:1:9: other machines can reach 0.0.0.0:80, and 'auth.mode' demo lets anybody log "
         "in "
         "as anybody; use 'auth.mode' users or jwt, or, if that is meant, set 'auth.demo_anywhere' "
         "to true (--set auth.demo_anywhere=true)"},
        {"listen: [\"127.1.2.3:80\", \"[::1]:80\", \"[::ffff:127.0.0.1]:80\", \"unix:/a\", "
         "\"[::]:80\"]\n",
         "f.yaml:1:9: other machines can reach [::]:80, and 'auth.mode' demo lets anybody log in "
         "as "
         "anybody; use 'auth.mode' users or jwt, or, if that is meant, set 'auth.demo_anywhere' to "
         "true (--set auth.demo_anywhere=true)"},
    };

    CHECK_REFUSALS(REFUSALS)
}

static void lists_are_bounded(void)
{
    char *yaml = NULL;
    size_t len;
    FILE *out = open_memstream(&yaml, &len);

    FS_REQUIRE(out);
    fputs("products: [", out);
    for (int i = 0; i < 1001; i++)
        fprintf(out, "%sp%d", i ? "," : "", i);
    fputs("]\nlisten: []\n", out);
    fclose(out);
    check_refusal(&(struct refusal){yaml, "f.yaml:1:4902: 'products' has more than 1000 items"},
                  __LINE__);
    free(yaml);
}

static void a_long_value_is_cut_in_the_message_between_characters(void)
{
    static const struct refusal LONG = {
        "workers: "
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "a\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4x\n",
        "f.yaml:1:10: 'workers' must be a whole number, not '"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "a\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4...'"};

    check_refusal(&LONG, __LINE__);
}

static void a_file_over_a_mebibyte_is_refused(void)
{
    size_t len = 1048577;
    char *text = malloc(len);
    struct fs_config_builder *builder;
    struct fs_config_error error = {""};

    FS_REQUIRE(text && fs_config_builder_create(&builder) == 0);
    memset(text, '\n', len);
    FS_CHECK_INT(fs_config_read_text(builder, "f.yaml", text, len, &error), -EINVAL);
    FS_CHECK_STR(error.text, "f.yaml: larger than 1048576 bytes");
    FS_CHECK_INT(fs_config_read_text(builder, "f.yaml", text, len - 1, &error), 0);
    fs_config_builder_destroy(builder);
    free(text);
}

#define TESTS(T)                                                      \
    T(an_unknown_key_is_refused_and_a_near_one_suggested)             \
    T(a_key_given_twice_is_refused_with_the_line_of_the_first)        \
    T(a_value_of_the_wrong_form_is_refused)                           \
    T(a_duration_needs_a_whole_number_and_a_unit)                     \
    T(a_value_out_of_range_is_refused_with_range_and_unit)            \
    T(yaml_that_is_not_plain_is_refused)                              \
    T(a_product_is_checked_as_a_whole)                                \
    T(an_address_that_is_none_is_refused)                             \
    T(a_redis_url_that_is_none_is_refused_without_showing_a_password) \
    T(keys_that_contradict_each_other_are_refused)                    \
    T(lists_are_bounded)                                              \
    T(a_long_value_is_cut_in_the_message_between_characters)          \
    T(a_file_over_a_mebibyte_is_refused)

FS_SUITE("config/errors", TESTS)
