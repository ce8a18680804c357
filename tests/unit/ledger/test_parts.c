/* The parts of the ledger that need no store: names of keys, numbers, records, options. */
#include "support/suite.h"

#include <errno.h>
#include <stdarg.h>

#include "ledger/decision.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "ledger/options.h"
#include "ledger/record.h"
#include "ledger/text.h"

static struct fs_text text_of(const char *text)
{
    return (struct fs_text){text, strlen(text)};
}

static void every_key_of_a_product_has_its_hash_tag(void)
{
    static const char *const expected[FS_LEDGER_KEY_COUNT] = {
        "fs:{shoe-1}:sale",    "fs:{shoe-1}:orders", "fs:{shoe-1}:buyers", "fs:{shoe-1}:log",
        "fs:{shoe-1}:changes", "lock:{shoe-1}",      "fs:{shoe-1}:layout"};
    struct fs_ledger_keys keys;
    char chars[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text claims;

    fs_ledger_keys_init(&keys, text_of("fs:"), text_of("shoe-1"));
    for (unsigned i = 0; i < FS_LEDGER_KEY_COUNT; i++)
        FS_CHECK_TEXT(keys.list[i].data, keys.list[i].len, expected[i]);
    claims = fs_ledger_key_write(chars, text_of("fs:"), "claims");
    FS_CHECK_TEXT(claims.data, claims.len, "fs:claims");
}

static void the_longest_names_fit(void)
{
    char prefix[FS_LEDGER_PREFIX_LEN_MAX];
    char product[FS_PRODUCT_LEN_MAX];
    struct fs_ledger_keys keys;
    size_t total = 0;

    memset(prefix, 'x', sizeof(prefix));
    memset(product, 'p', sizeof(product));
    fs_ledger_keys_init(&keys, (struct fs_text){prefix, sizeof(prefix)},
                        (struct fs_text){product, sizeof(product)});
    for (unsigned i = 0; i < FS_LEDGER_KEY_COUNT; i++)
        total += keys.list[i].len;
    FS_CHECK(total <= sizeof(keys.chars));
}

static void numbers_are_written_and_read_back(void)
{
    static const int64_t values[] = {0, 1, -1, 9, 10, -10, 4294967295, INT32_MIN, INT64_MAX / 11};
    char chars[FS_LEDGER_NUMBER_SIZE];

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char expected[32];
        struct fs_text text = fs_ledger_number(chars, values[i]);
        int64_t read = 42;

        snprintf(expected, sizeof(expected), "%" PRId64, values[i]);
        FS_CHECK_TEXT(text.data, text.len, expected);
        FS_CHECK(fs_ledger_read_number(text, &read));
        FS_CHECK_INT(read, values[i]);
    }
    FS_CHECK_INT(fs_ledger_number(chars, INT64_MIN).len, 20);
}

static void what_is_no_number_is_not_read(void)
{
    static const char *const wrong[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "abc", "--1", "99999999999999999999"};
    int64_t value = 42;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        FS_CHECK(!fs_ledger_read_number(text_of(wrong[i]), &value));
    FS_CHECK_INT(value, 42);
}

static void an_order_record_is_read(void)
{
    struct fs_order_info order;
    uint64_t cancelled_by = 42;

    FS_REQUIRE(
        fs_ledger_read_order(text_of("S|3|1|17|80|1700000000123|0|ann|x"), &order, &cancelled_by));
    FS_CHECK_INT(order.status, FS_ORDER_SOLD);
    FS_CHECK_INT(order.units, 3);
    FS_CHECK_INT(order.epoch, 1);
    FS_CHECK_INT(order.sequence, 17);
    FS_CHECK_INT(order.units_left, 80);
    FS_CHECK_INT(order.sold_at_ms, 1700000000123);
    FS_CHECK_INT(order.cancelled_at_ms, 0);
    FS_CHECK_TEXT(order.buyer.data, order.buyer.len, "ann|x");
    FS_CHECK_INT(cancelled_by, 0);
    FS_REQUIRE(fs_ledger_read_order(text_of("C18|3|1|17|80|1|2|"), &order, &cancelled_by));
    FS_CHECK_INT(order.status, FS_ORDER_CANCELLED);
    FS_CHECK_INT(cancelled_by, 18);
    FS_CHECK_INT(order.buyer.len, 0);
}

static void what_is_no_order_record_is_refused(void)
{
    static const char *const wrong[] = {"",
                                        "|",
                                        "S",
                                        "S|",
                                        "S|1|1|1|1|1|1",
                                        "X|1|1|1|1|1|1|a",
                                        "S2|1|1|1|1|1|1|a",
                                        "C|1|1|1|1|1|1|a",
                                        "C0|1|1|1|1|1|1|a",
                                        "S|0|1|1|1|1|1|a",
                                        "S|-1|1|1|1|1|1|a",
                                        "S|1|-1|1|1|1|1|a",
                                        "S|4294967296|1|1|1|1|1|a",
                                        "S|1|1|x|1|1|1|a",
                                        "S||1|1|1|1|1|a",
                                        "C18446744073709551616|1|1|1|1|1|1|a"};
    struct fs_order_info order;
    uint64_t cancelled_by;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        FS_CHECK(!fs_ledger_read_order(text_of(wrong[i]), &order, &cancelled_by));
}

/* Ops of these units, 0 a cancel, and the answer of decide.lua to them. */
struct answered {
    struct fs_ledger_op ops[4];
    struct fs_reply items[FS_LEDGER_REPLY_RECORDS + 2];
    struct fs_reply reply;
    struct fs_ledger_decision decisions[4];
};

static void answer(struct answered *answered, uint32_t count, const uint32_t *units,
                   const char *codes, const char *const records[2])
{
    static const int64_t numbers[] = {7, 1700000000000, 40, 10}; /* epoch, now, sequence, left */
    size_t len = FS_LEDGER_REPLY_CODES;

    *answered = (struct answered){0};
    for (uint32_t i = 0; i < count; i++) {
        answered->ops[i].units = units[i];
        answered->ops[i].next = i + 1 < count ? &answered->ops[i + 1] : NULL;
    }
    for (size_t i = 0; i < len; i++)
        answered->items[i] = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = numbers[i]};
    answered->items[len++] = (struct fs_reply){.kind = FS_REPLY_TEXT, .text = text_of(codes)};
    for (size_t i = 0; i < 2 && records[i]; i++)
        answered->items[len++] =
            (struct fs_reply){.kind = FS_REPLY_TEXT, .text = text_of(records[i])};
    answered->reply =
        (struct fs_reply){.kind = FS_REPLY_LIST, .items = answered->items, .item_count = len};
}

static void each_decision_follows_from_those_before_it(void)
{
    static const uint32_t units[] = {3, 9, 0, 1};
    static const char *const records[] = {"C42|5|7|12|80|1|2|ann", "S|1|7|20|60|1|0|bob"};
    static const struct fs_ledger_decision expected[] = {{FS_DONE, 7, 41, {NULL, 0}},
                                                         {FS_SOLD_OUT, 7, 41, {NULL, 0}},
                                                         {FS_DONE, 12, 42, {NULL, 0}},
                                                         {FS_DONE + 100, 60, 20, {NULL, 0}}};
    struct answered answered;

    answer(&answered, 4, units, "DSdr", records);
    FS_CHECK(fs_ledger_reply_is_whole(&answered.reply, 4));
    FS_CHECK(fs_ledger_reply_read(&answered.reply, answered.ops, answered.decisions));
    for (unsigned i = 0; i < 4; i++) {
        FS_CHECK_INT(answered.decisions[i].code, expected[i].code);
        FS_CHECK_INT(answered.decisions[i].units_left, expected[i].units_left);
        FS_CHECK_INT(answered.decisions[i].sequence, expected[i].sequence);
    }
    FS_CHECK_INT(answered.decisions[1].record.len, 0);
    FS_CHECK_TEXT(answered.decisions[2].record.data, answered.decisions[2].record.len, records[0]);
    FS_CHECK_TEXT(answered.decisions[3].record.data, answered.decisions[3].record.len, records[1]);
}

static void what_is_no_answer_of_the_script_is_refused(void)
{
    static const uint32_t units[] = {1, 0};
    static const char *const none[2] = {NULL, NULL};
    static const char *const one[2] = {"S|1|7|20|60|1|0|bob", NULL};
    static const char *const broken[2] = {"S|1|7|20|60|1|0", NULL};
    struct answered answered;

    answer(&answered, 2, units, "D", none); /* one letter, two ops */
    FS_CHECK(!fs_ledger_reply_is_whole(&answered.reply, 2));
    answer(&answered, 2, units, "Dd", none); /* a record is missing */
    FS_CHECK(!fs_ledger_reply_is_whole(&answered.reply, 2));
    answer(&answered, 2, units, "DU", one); /* one too many */
    FS_CHECK(!fs_ledger_reply_is_whole(&answered.reply, 2));
    answer(&answered, 2, units, "DU", none);
    answered.items[FS_LEDGER_REPLY_LEFT].kind = FS_REPLY_NIL;
    FS_CHECK(!fs_ledger_reply_is_whole(&answered.reply, 2));
    for (const char *letter = "05XZ"; *letter; letter++) {
        char codes[] = {'D', *letter, '\0'};

        answer(&answered, 2, units, codes, none);
        FS_CHECK(!fs_ledger_reply_read(&answered.reply, answered.ops, answered.decisions));
    }
    answer(&answered, 2, units, "Dd", broken);
    FS_CHECK(fs_ledger_reply_is_whole(&answered.reply, 2));
    FS_CHECK(!fs_ledger_reply_read(&answered.reply, answered.ops, answered.decisions));
}

static void a_sale_is_read_with_its_state_by_the_stores_clock(void)
{
    static const struct {
        const char *state, *opens, *closes, *frozen;
        int64_t now;
        enum fs_sale_state expected;
    } cases[] = {
        {"1", "0", "0", "", 500, FS_SALE_OPEN},
        {"1", "501", "0", "", 500, FS_SALE_NOT_OPEN},
        {"1", "500", "0", "", 500, FS_SALE_OPEN},
        {"1", "0", "500", "", 500, FS_SALE_CLOSED},
        {"1", "0", "501", "", 500, FS_SALE_OPEN},
        {"2", "501", "0", "", 500, FS_SALE_PAUSED},
        {"3", "0", "0", "", 500, FS_SALE_CLOSED},
        {"1", "0", "0", "behind", 500, FS_SALE_FROZEN},
        {"3", "0", "0", "behind@400", 500, FS_SALE_FROZEN},
        {"2", "0", "0", "ERR a script@failed@400", 500, FS_SALE_FROZEN},
        {"1", "0", "0", "moved|x", 500, FS_SALE_FROZEN}, /* no number: of no move */
        {"1", "0", "0", "moved|7", 500, FS_SALE_PAUSED},
        {"3", "0", "0", "building|7", 500, FS_SALE_CLOSED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *texts[] = {"2",
                               "9",
                               cases[i].state,
                               "10",
                               "5",
                               "12",
                               "3",
                               "4",
                               "2",
                               cases[i].opens,
                               cases[i].closes,
                               cases[i].frozen};
        struct fs_reply items[13];
        struct fs_ledger_sale sale;

        for (size_t k = 0; k < 12; k++)
            items[k] = (struct fs_reply){.kind = FS_REPLY_TEXT, .text = text_of(texts[k])};
        items[12] = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = cases[i].now};
        FS_REQUIRE(fs_ledger_read_sale(items, 13, &sale));
        FS_CHECK_INT(sale.info.state, cases[i].expected);
        FS_CHECK_INT(sale.is_frozen, cases[i].frozen[0] != '\0');
        FS_CHECK_INT(sale.info.units_left, 12);
        FS_CHECK_INT(sale.info.units_initial, 10);
        FS_CHECK(!fs_ledger_read_sale(items, 12, &sale));
        items[5].text = text_of("-1");
        FS_CHECK(!fs_ledger_read_sale(items, 13, &sale));
        items[5].text = text_of("9223372036854775807"); /* of which two make no sum */
        FS_CHECK(!fs_ledger_read_sale(items, 13, &sale));
        items[5] = (struct fs_reply){.kind = FS_REPLY_NIL};
        FS_CHECK(!fs_ledger_read_sale(items, 13, &sale));
    }
}

/* A host that only logs. */
struct logging_host {
    struct fs_host host;
    char line[512];
};

__attribute__((format(printf, 3, 4))) static void
keep_line(const struct fs_host *host, enum fs_log_level level, const char *format, ...)
{
    struct logging_host *logging = (struct logging_host *)(uintptr_t)host;
    va_list args;

    (void)level;
    va_start(args, format);
    vsnprintf(logging->line, sizeof(logging->line), format, args);
    va_end(args);
}

static void an_option_is_read_or_refused_with_what_is_accepted(void)
{
    static const char *const words[] = {"fenced", "textbook", NULL};
    struct logging_host logging = {.host = {.log = keep_line}};
    uint32_t mode = 9;
    uint32_t lease = 9;
    const struct fs_ledger_option known[] = {{"mode", &mode, words, 0, 0},
                                             {"lease", &lease, NULL, 10, 60000}};
    struct fs_option given = {"mode", "textbook"};
    const struct fs_options options = {.list = &given, .count = 1};

    FS_CHECK_INT(fs_ledger_options_read(&logging.host, "v2", &options, known, 2), 0);
    FS_CHECK_INT(mode, 1);
    given = (struct fs_option){"lease", "10"};
    FS_CHECK_INT(fs_ledger_options_read(&logging.host, "v2", &options, known, 2), 0);
    FS_CHECK_INT(lease, 10);
    given = (struct fs_option){"mode", "other"};
    FS_CHECK_INT(fs_ledger_options_read(&logging.host, "v2", &options, known, 2), -EINVAL);
    FS_CHECK_STR(logging.line, "v2: mode is 'other': use fenced or textbook");
    given = (struct fs_option){"lease", "9"};
    FS_CHECK_INT(fs_ledger_options_read(&logging.host, "v2", &options, known, 2), -EINVAL);
    FS_CHECK_STR(logging.line, "v2: lease is '9': use a number from 10 to 60000");
    given = (struct fs_option){"leese", "9"};
    FS_CHECK_INT(fs_ledger_options_read(&logging.host, "v2", &options, known, 2), -EINVAL);
    FS_CHECK_STR(logging.line, "v2: there is no option leese: use mode or lease");
    FS_CHECK_INT(lease, 10);
}

#define TESTS(T)                                         \
    T(every_key_of_a_product_has_its_hash_tag)           \
    T(the_longest_names_fit)                             \
    T(numbers_are_written_and_read_back)                 \
    T(what_is_no_number_is_not_read)                     \
    T(an_order_record_is_read)                           \
    T(what_is_no_order_record_is_refused)                \
    T(each_decision_follows_from_those_before_it)        \
    T(what_is_no_answer_of_the_script_is_refused)        \
    T(a_sale_is_read_with_its_state_by_the_stores_clock) \
    T(an_option_is_read_or_refused_with_what_is_accepted)

FS_SUITE("ledger/parts", TESTS)
