/* http/body and http/change_body: bodies as data, and the scanner held against jansson. */
#include "http/body.h"

#include "base/limits.h"
#include "http/change_body.h"
#include "support/random.h"
#include "support/suite.h"

struct reading {
    int result;
    uint32_t quantity;
    char detail[FS_BODY_DETAIL_SIZE + 1];
};

static struct reading read_text(struct fs_text body, uint32_t max)
{
    struct reading reading = {.quantity = 77};
    struct fs_buffer detail = fs_buffer_of(reading.detail, FS_BODY_DETAIL_SIZE);

    reading.result = fs_body_read_quantity(body, max, &reading.quantity, &detail);
    reading.detail[detail.len] = '\0';
    return reading;
}

static void an_integer_in_range_is_read_however_it_is_written(void)
{
    const struct {
        const char *body;
        uint32_t quantity;
    } rows[] = {
        {"{\"quantity\":1}", 1},
        {"{\"quantity\": 10}", 10},
        {" \t\r\n{ \"quantity\" :\n3 } ", 3},
        {"{\"\\u0071uantity\":2}", 2},
        {"{\"quantity\":9}\n", 9},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading reading = read_text(fs_text_of(rows[i].body), 10);

        FS_CHECK_INT(reading.result, 0);
        FS_CHECK_INT(reading.quantity, rows[i].quantity);
        FS_CHECK_STR(reading.detail, "");
    }
}

static const struct {
    const char *body, *part;
} no_purchases[] = {
    {"", "needs a JSON object"},
    {" ", "not JSON"},
    {"quantity=1", "not JSON"},
    {"{", "not JSON"},
    {"{}", "\"quantity\" is missing"},
    {"[]", "not a JSON object"},
    {"[{\"quantity\":1}]", "not a JSON object"},
    {"1", "not a JSON object"},
    {"null", "not a JSON object"},
    {"\"quantity\"", "not a JSON object"},
    {"{\"quantity\":0}", "from 1 to 10"},
    {"{\"quantity\":-1}", "from 1 to 10"},
    {"{\"quantity\":-0}", "from 1 to 10"},
    {"{\"quantity\":11}", "from 1 to 10"},
    {"{\"quantity\":4294967297}", "from 1 to 10"},
    {"{\"quantity\":9223372036854775807}", "from 1 to 10"},
    {"{\"quantity\":9223372036854775808}", "too large"},
    {"{\"quantity\":99999999999999999999999}", "too large"},
    {"{\"quantity\":1e999}", "too large"},
    {"{\"quantity\":1.0}", "must be an integer"},
    {"{\"quantity\":1.5}", "must be an integer"},
    {"{\"quantity\":1e0}", "must be an integer"},
    {"{\"quantity\":\"1\"}", "must be an integer"},
    {"{\"quantity\":true}", "must be an integer"},
    {"{\"quantity\":null}", "must be an integer"},
    {"{\"quantity\":[1]}", "must be an integer"},
    {"{\"quantity\":{\"quantity\":1}}", "must be an integer"},
    {"{\"quantity\":01}", "not JSON"},
    {"{\"quantity\":+1}", "not JSON"},
    {"{\"quantity\":0x1}", "not JSON"},
    {"{\"quantity\":NaN}", "not JSON"},
    {"{\"quantity\":1,}", "not JSON"},
    {"{\"quantity\" 1}", "not JSON"},
    {"{quantity:1}", "not JSON"},
    {"{'quantity':1}", "not JSON"},
    {"{\"quantity\":1", "not JSON"},
    {"{\"quantity\":1 /* one */}", "not JSON"},
    {"\xef\xbb\xbf{\"quantity\":1}", "not JSON"},
    {"{\"\xff\":1}", "not JSON"},
    {"{\"quantity\":1}}", "goes on behind"},
    {"{\"quantity\":1} x", "goes on behind"},
    {"{\"quantity\":1}{\"quantity\":1}", "goes on behind"},
    {"{\"quantity\":1,\"quantity\":1}", "twice"},
    {"{\"quantity\":1,\"price\":0}", "\"price\""},
    {"{\"Quantity\":1}", "Did you mean \"quantity\"?"},
    {"{\"quantty\":1}", "Did you mean \"quantity\"?"},
    {"{\"\":1}", "Unknown field"},
    {"{\"quantity\\u0000\":1}", "not JSON"},
};

static void what_is_no_purchase_is_refused_by_name(void)
{
    for (size_t i = 0; i < sizeof(no_purchases) / sizeof(no_purchases[0]); i++) {
        struct reading reading = read_text(fs_text_of(no_purchases[i].body), 10);

        FS_CHECK_INT(reading.result, -EINVAL);
        FS_CHECK_INT(reading.quantity, 77);
        FS_CHECK_CONTAINS(reading.detail, no_purchases[i].part);
    }
}

static void a_nul_byte_is_refused_wherever_it_is(void)
{
    const char plain[] = "{\"quantity\":1}";

    for (size_t at = 0; at < sizeof(plain); at++) {
        char body[sizeof(plain)];

        for (size_t i = 0; i < sizeof(body); i++)
            body[i] = i == at ? '\0' : plain[i < at ? i : i - 1];
        FS_CHECK_INT(read_text((struct fs_text){body, sizeof(body)}, 10).result, -EINVAL);
    }
}

static void deep_nesting_is_refused(void)
{
    char body[FS_BODY_LEN_MAX];

    memset(body, '[', sizeof(body));
    FS_CHECK_INT(read_text((struct fs_text){body, sizeof(body)}, 10).result, -EINVAL);
    for (size_t i = 0; i + 5 <= sizeof(body); i += 5)
        memcpy(body + i, "{\"a\":", 5);
    FS_CHECK_INT(read_text((struct fs_text){body, sizeof(body)}, 10).result, -EINVAL);
}

static void an_unknown_name_of_any_length_fits_the_detail(void)
{
    char body[FS_BODY_LEN_MAX + 1];
    struct reading reading;

    memset(body, 'n', sizeof(body));
    body[0] = '{';
    body[1] = '"';
    snprintf(body + FS_BODY_LEN_MAX - 4, 5, "\":1}");
    reading = read_text(fs_text_of(body), 10);
    FS_CHECK_INT(reading.result, -EINVAL);
    FS_CHECK_CONTAINS(reading.detail, "Unknown field \"nnn");
}

/* What the scanner reads, jansson reads the same; what jansson reads as a plain number of few digits
 * in the plain form, the scanner need not leave to it. */
static void check_agreement(struct fs_text body)
{
    char text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(text, sizeof(text));
    int64_t scanned = -7, parsed = -8;

    if (fs_body_scan_quantity(body, &scanned) != 0)
        return;
    FS_CHECK_INT(fs_body_parse_quantity(body, &parsed, &detail), 0);
    FS_CHECK_INT(parsed, scanned);
}

static void the_plain_form_never_reaches_the_parser(void)
{
    const char *bodies[] = {"{\"quantity\":1}", "{\"quantity\":0}", "{\"quantity\": 999999999}",
                            "\t{ \"quantity\" : 12 }\r\n"};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        int64_t quantity;

        FS_CHECK_INT(fs_body_scan_quantity(fs_text_of(bodies[i]), &quantity), 0);
        check_agreement(fs_text_of(bodies[i]));
    }
}

static void scanner_and_parser_agree_on_mutations(void)
{
    static const char alphabet[] = "{}\": \t\n,0123456789eE+-.quantity\\u[]\x00\xff";
    struct fs_random random = fs_random_start();
    unsigned scanned_count = 0;

    for (unsigned round = 0; round < 100000; round++) {
        char body[40];
        size_t len = (size_t)snprintf(body, sizeof(body), "{\"quantity\":%u}",
                                      (unsigned)(fs_random_u64(&random) % 20));
        int64_t ignored;

        for (unsigned edits = (unsigned)(fs_random_u64(&random) % 3); edits > 0; edits--)
            body[fs_random_u64(&random) % len] =
                alphabet[fs_random_u64(&random) % (sizeof(alphabet) - 1)];
        scanned_count += fs_body_scan_quantity((struct fs_text){body, len}, &ignored) == 0;
        check_agreement((struct fs_text){body, len});
    }
    FS_CHECK(scanned_count > 10000);
}

static int read_change(const char *body, bool is_put, struct fs_sale_change *change, char *text)
{
    struct fs_buffer detail = fs_buffer_of(text, FS_BODY_DETAIL_SIZE);
    int result = fs_change_body_read(fs_text_of(body), is_put, change, &detail);

    text[detail.len] = '\0';
    return result;
}

static void a_put_creates_and_with_reset_starts_anew(void)
{
    char text[FS_BODY_DETAIL_SIZE + 1];
    struct fs_sale_change change;

    FS_CHECK_INT(read_change("{\"stock\":12}", true, &change, text), 0);
    FS_CHECK_INT(change.kind, FS_CHANGE_CREATE);
    FS_CHECK_INT(change.units_reset, 12);
    FS_CHECK_INT(change.units_add, 0);
    FS_CHECK_INT(change.units_per_buyer_max, -1);
    FS_CHECK_INT(change.units_per_order_max, -1);
    FS_CHECK_INT(change.opens_at_ms, -1);
    FS_CHECK_INT(change.closes_at_ms, -1);
    FS_CHECK_INT(change.state, -1);
    FS_CHECK_INT(read_change("{\"stock\":0,\"reset\":false}", true, &change, text), 0);
    FS_CHECK_INT(change.kind, FS_CHANGE_CREATE);
    FS_CHECK_INT(
        read_change(
            "{\"stock\":5,\"reset\":true,\"per_user_max\":2,\"max_quantity\":1,"
            "\"opens_at\":\"1970-01-01T00:00:01Z\",\"closes_at\":null,\"state\":\"paused\"}",
            true, &change, text),
        0);
    FS_CHECK_INT(change.kind, FS_CHANGE_RESET);
    FS_CHECK_INT(change.units_per_buyer_max, 2);
    FS_CHECK_INT(change.units_per_order_max, 1);
    FS_CHECK_INT(change.opens_at_ms, 1000);
    FS_CHECK_INT(change.closes_at_ms, 0);
    FS_CHECK_INT(change.state, FS_SALE_PAUSED);
}

static void a_patch_changes_what_it_names(void)
{
    char text[FS_BODY_DETAIL_SIZE + 1];
    struct fs_sale_change change;

    FS_CHECK_INT(read_change("{\"add\":5}", false, &change, text), 0);
    FS_CHECK_INT(change.kind, FS_CHANGE_UPDATE);
    FS_CHECK_INT(change.units_add, 5);
    FS_CHECK_INT(change.units_reset, -1);
    FS_CHECK_INT(read_change("{\"state\":\"closed\"}", false, &change, text), 0);
    FS_CHECK_INT(change.state, FS_SALE_CLOSED);
    FS_CHECK_INT(change.units_add, 0);
}

static void a_change_that_is_none_is_refused_by_name(void)
{
    const struct {
        bool is_put;
        const char *body, *part;
    } rows[] = {
        {true, "{}", "\"stock\" is missing"},
        {true, "{\"reset\":true}", "\"stock\" is missing"},
        {true, "{\"stock\":-1}", "\"stock\""},
        {true, "{\"stock\":1.5}", "\"stock\""},
        {true, "{\"stock\":1000000000001}", "\"stock\""},
        {true, "{\"stock\":null}", "\"stock\""},
        {true, "{\"stock\":1,\"add\":1}", "Unknown field \"add\""},
        {true, "{\"stok\":1}", "Did you mean \"stock\"?"},
        {true, "{\"stock\":1,\"per_user_max\":-1}", "\"per_user_max\""},
        {true, "{\"stock\":1,\"state\":\"not_open\"}", "\"state\""},
        {true, "{\"stock\":1,\"state\":1}", "\"state\""},
        {true, "{\"stock\":1,\"reset\":1}", "\"reset\""},
        {true, "{\"stock\":1,\"opens_at\":\"tomorrow\"}", "\"opens_at\""},
        {true, "{\"stock\":1,\"opens_at\":1}", "\"opens_at\""},
        {true,
         "{\"stock\":1,\"opens_at\":\"2027-01-02T00:00:00Z\",\"closes_at\":\"2027-01-02T00:00:"
         "00Z\"}",
         "later"},
        {false, "{}", "nothing to change"},
        {false, "{\"stock\":1}", "Unknown field \"stock\""},
        {false, "{\"reset\":true}", "Unknown field \"reset\""},
        {false, "{\"add\":-1000000000001}", "\"add\""},
        {false, "[]", "not a JSON object"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[FS_BODY_DETAIL_SIZE + 1];
        struct fs_sale_change change;

        FS_CHECK_INT(read_change(rows[i].body, rows[i].is_put, &change, text), -EINVAL);
        FS_CHECK_CONTAINS(text, rows[i].part);
    }
}

#define TESTS(T)                                         \
    T(an_integer_in_range_is_read_however_it_is_written) \
    T(what_is_no_purchase_is_refused_by_name)            \
    T(a_nul_byte_is_refused_wherever_it_is)              \
    T(deep_nesting_is_refused)                           \
    T(an_unknown_name_of_any_length_fits_the_detail)     \
    T(the_plain_form_never_reaches_the_parser)           \
    T(scanner_and_parser_agree_on_mutations)             \
    T(a_put_creates_and_with_reset_starts_anew)          \
    T(a_patch_changes_what_it_names)                     \
    T(a_change_that_is_none_is_refused_by_name)
FS_SUITE("http/body", TESTS)
