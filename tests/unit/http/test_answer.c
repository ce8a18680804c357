/* http/answer: the JSON of answers, read back by jansson. */
#include "http/answer.h"

#include <jansson.h>

#include "support/suite.h"

static json_t *parse(const struct fs_buffer *buffer)
{
    return buffer->overflowed ? NULL : json_loadb(buffer->data, buffer->len, 0, NULL);
}

static void a_product_id_is_a_number_when_it_is_written_as_one(void)
{
    const struct {
        const char *id, *json;
    } rows[] = {
        {"1", "1"},       {"0", "0"},
        {"10", "10"},     {"999999999999999", "999999999999999"},
        {"01", "\"01\""}, {"9999999999999999", "\"9999999999999999\""},
        {"-1", "\"-1\""}, {"1a", "\"1a\""},
        {"00", "\"00\""}, {"tv_4-k", "\"tv_4-k\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char data[80];
        struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));

        fs_answer_add_product(&buffer, fs_text_of(rows[i].id));
        FS_CHECK_TEXT(buffer.data, buffer.len, rows[i].json);
    }
}

static void a_purchase_tells_its_order_and_what_remains(void)
{
    const struct fs_order_id id = {"abcdefghijklmnopqrstuvwxyz234567"};
    char data[FS_ANSWER_SIZE];
    struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));

    fs_answer_add_purchase(&buffer, &id, FS_TEXT("7"), 2, 98);
    FS_CHECK_TEXT(buffer.data, buffer.len,
                  "{\"order_id\":\"abcdefghijklmnopqrstuvwxyz234567\",\"product_id\":7,"
                  "\"quantity\":2,\"remaining\":98}");
    buffer = fs_buffer_of(data, sizeof(data));
    fs_answer_add_purchase(&buffer, &id, FS_TEXT("a"), 1, -1);
    FS_CHECK_TEXT(buffer.data, buffer.len,
                  "{\"order_id\":\"abcdefghijklmnopqrstuvwxyz234567\",\"product_id\":\"a\","
                  "\"quantity\":1,\"remaining\":null}");
}

static void the_longest_sale_fits(void)
{
    char product[FS_PRODUCT_LEN_MAX], data[FS_ANSWER_SIZE];
    struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));
    struct fs_sale_info sale = {.product = {product, sizeof(product)},
                                .state = FS_SALE_NOT_OPEN,
                                .epoch = UINT64_MAX,
                                .sequence = UINT64_MAX,
                                .units_initial = INT64_MAX,
                                .units_restocked = INT64_MAX,
                                .units_left = INT64_MAX,
                                .units_sold = INT64_MAX,
                                .units_in_transit = INT64_MAX,
                                .units_per_buyer_max = INT64_MAX,
                                .units_per_order_max = INT64_MAX,
                                .opens_at_ms = 1,
                                .closes_at_ms = INT64_MAX};
    json_t *object;

    memset(product, 'p', sizeof(product));
    fs_answer_add_sale(&buffer, &sale, NULL);
    FS_CHECK(!buffer.overflowed);
    sale.epoch = sale.sequence = 3; /* jansson's integers end at 2^63 */
    buffer = fs_buffer_of(data, sizeof(data));
    fs_answer_add_sale(&buffer, &sale, NULL);
    object = parse(&buffer);
    FS_REQUIRE(object != NULL);
    FS_CHECK_STR(json_string_value(json_object_get(object, "state")), "not_open");
    FS_CHECK_STR(json_string_value(json_object_get(object, "opens_at")),
                 "1970-01-01T00:00:00.001Z");
    json_decref(object);
}

static void a_sale_in_trouble_says_why_since_when_and_what_to_do(void)
{
    char data[FS_ANSWER_SIZE];
    char reason[FS_REASON_LEN_MAX];
    struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));
    struct fs_sale_info sale = {
        .product = FS_TEXT("9"), .state = FS_SALE_LOST, .units_left = -1, .units_initial = -1};
    struct fs_sale_trouble trouble = {
        .state = FS_SALE_LOST, .reason = {reason, sizeof(reason)}, .since_ms = 1000};
    json_t *object;

    memset(reason, '\1', sizeof(reason)); /* six bytes each in JSON: the longest there is */
    fs_answer_add_sale(&buffer, &sale, &trouble);
    FS_CHECK(!buffer.overflowed);
    object = parse(&buffer);
    FS_REQUIRE(object != NULL);
    FS_CHECK_STR(json_string_value(json_object_get(object, "state")), "lost");
    FS_CHECK(json_is_null(json_object_get(object, "stock")));
    FS_CHECK_STR(json_string_value(json_object_get(object, "since")), "1970-01-01T00:00:01.000Z");
    FS_CHECK_INT((int64_t)json_string_length(json_object_get(object, "reason")),
                 (int64_t)sizeof(reason));
    FS_CHECK(strstr(json_string_value(json_object_get(object, "next_step")), "--reset") != NULL);
    json_decref(object);
}

static void an_inventory_tells_the_window_and_the_server_time(void)
{
    char data[FS_ANSWER_SIZE];
    struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));
    struct fs_sale_info sale = {.product = FS_TEXT("9"),
                                .state = FS_SALE_OPEN,
                                .units_left = 4,
                                .units_initial = 100,
                                .opens_at_ms = 2000};

    fs_answer_add_inventory(&buffer, &sale, 1000);
    FS_CHECK_TEXT(buffer.data, buffer.len,
                  "{\"product_id\":9,\"stock\":4,\"initial\":100,\"state\":\"open\","
                  "\"opens_at\":\"1970-01-01T00:00:02.000Z\",\"closes_at\":null,"
                  "\"server_time\":\"1970-01-01T00:00:01.000Z\"}");
}

static void an_order_tells_when_it_was_cancelled_only_if_it_was(void)
{
    const struct fs_order_id id = {"abcdefghijklmnopqrstuvwxyz234567"};
    struct fs_order_info order = {
        .product = FS_TEXT("9"), .units = 2, .status = FS_ORDER_SOLD, .sold_at_ms = 1000};
    char data[FS_ANSWER_SIZE];
    struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));
    json_t *object;

    fs_answer_add_order(&buffer, &id, &order);
    object = parse(&buffer);
    FS_REQUIRE(object != NULL);
    FS_CHECK_STR(json_string_value(json_object_get(object, "status")), "sold");
    FS_CHECK_STR(json_string_value(json_object_get(object, "sold_at")), "1970-01-01T00:00:01.000Z");
    FS_CHECK(json_object_get(object, "cancelled_at") == NULL);
    json_decref(object);

    order.status = FS_ORDER_CANCELLED;
    order.cancelled_at_ms = 2000;
    buffer = fs_buffer_of(data, sizeof(data));
    fs_answer_add_order(&buffer, &id, &order);
    object = parse(&buffer);
    FS_REQUIRE(object != NULL);
    FS_CHECK_STR(json_string_value(json_object_get(object, "status")), "cancelled");
    FS_CHECK_STR(json_string_value(json_object_get(object, "cancelled_at")),
                 "1970-01-01T00:00:02.000Z");
    json_decref(object);
}

#define TESTS(T)                                            \
    T(a_product_id_is_a_number_when_it_is_written_as_one)   \
    T(a_purchase_tells_its_order_and_what_remains)          \
    T(the_longest_sale_fits)                                \
    T(a_sale_in_trouble_says_why_since_when_and_what_to_do) \
    T(an_inventory_tells_the_window_and_the_server_time)    \
    T(an_order_tells_when_it_was_cancelled_only_if_it_was)
FS_SUITE("http/answer", TESTS)
