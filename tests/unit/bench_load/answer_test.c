/* What answers are taken for: a table of status and body. */
#include "load/answer.h"

#include "support/suite.h"

static struct fs_load_reply reply_of(uint16_t status, const char *body)
{
    struct fs_load_reply reply = {.status = status, .body_len = (uint32_t)strlen(body)};

    memcpy(reply.body, body, strlen(body));
    return reply;
}

#define PROBLEM(code) \
    "{\"type\":\"urn:flashsale:problem:" code "\",\"title\":\"T\",\"code\":\"" code "\"}"

static void an_answer_is_classified_by_status_and_problem_type(void)
{
    static const struct {
        uint16_t status;
        const char *body;
        enum fs_answer answer;
    } cases[] = {
        {200, "{\"order_id\":\"a\"}", FS_ANSWER_OK},
        {201, "", FS_ANSWER_OK},
        {301, "", FS_ANSWER_UNEXPECTED_4XX},
        {400, PROBLEM("sold_out"), FS_ANSWER_SOLD_OUT},
        {400, "{\"code\": \"sold_out\"}", FS_ANSWER_SOLD_OUT},
        {400, PROBLEM("invalid_request"), FS_ANSWER_UNEXPECTED_4XX},
        {400, "", FS_ANSWER_UNEXPECTED_4XX},
        {401, PROBLEM("unauthorized"), FS_ANSWER_UNEXPECTED_4XX},
        {403, PROBLEM("sale_closed"), FS_ANSWER_UNEXPECTED_4XX},
        {404, PROBLEM("unknown_product"), FS_ANSWER_UNEXPECTED_4XX},
        {409, PROBLEM("user_limit"), FS_ANSWER_LIMIT},
        {409, PROBLEM("in_progress"), FS_ANSWER_IN_PROGRESS},
        {409, PROBLEM("not_cancellable"), FS_ANSWER_UNEXPECTED_4XX},
        {409, PROBLEM("sold_out"), FS_ANSWER_UNEXPECTED_4XX},
        {422, PROBLEM("key_reused"), FS_ANSWER_UNEXPECTED_4XX},
        {429, PROBLEM("too_many_requests"), FS_ANSWER_BUSY},
        {500, PROBLEM("internal_error"), FS_ANSWER_5XX},
        {500, "<html>", FS_ANSWER_5XX},
        {502, "", FS_ANSWER_5XX},
        {503, PROBLEM("busy"), FS_ANSWER_BUSY},
        {503, PROBLEM("unavailable"), FS_ANSWER_UNAVAILABLE},
        {503, PROBLEM("not_ready"), FS_ANSWER_UNAVAILABLE},
        {503, "", FS_ANSWER_UNAVAILABLE},
        {504, PROBLEM("undetermined"), FS_ANSWER_UNDETERMINED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fs_load_reply reply = reply_of(cases[i].status, cases[i].body);

        FS_CHECK_STR(fs_answer_name(fs_answer_of(&reply)), fs_answer_name(cases[i].answer));
    }
}

static void errors_are_what_no_customer_should_see(void)
{
    static const enum fs_answer outcomes[] = {FS_ANSWER_OK,          FS_ANSWER_SOLD_OUT,
                                              FS_ANSWER_LIMIT,       FS_ANSWER_BUSY,
                                              FS_ANSWER_IN_PROGRESS, FS_ANSWER_CUT};

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        FS_CHECK(!fs_answer_is_error(outcomes[i]));
    FS_CHECK(fs_answer_is_error(FS_ANSWER_UNAVAILABLE));
    FS_CHECK(fs_answer_is_error(FS_ANSWER_UNDETERMINED));
    FS_CHECK(fs_answer_is_error(FS_ANSWER_UNEXPECTED_4XX));
    FS_CHECK(fs_answer_is_error(FS_ANSWER_5XX));
    FS_CHECK(fs_answer_is_error(FS_ANSWER_TIMEOUT));
    FS_CHECK(fs_answer_is_error(FS_ANSWER_TRANSPORT));
}

static void every_answer_and_operation_has_a_name(void)
{
    for (int i = 1; i < FS_ANSWER_KINDS; i++)
        FS_CHECK(fs_answer_name((enum fs_answer)i) != NULL);
    FS_CHECK_STR(fs_answer_name(FS_ANSWER_OK), "ok");
    FS_CHECK_STR(fs_operation_kind_name(FS_OPERATION_PURCHASE), "purchase");
    FS_CHECK_STR(fs_operation_kind_name(FS_OPERATION_LOGIN), "login");
}

static void members_are_found_by_their_whole_name(void)
{
    struct fs_load_reply reply = reply_of(
        200, "{\"xorder_id\":\"wrong\", \"order_id\" : \"abc\",\"remaining\":-12,\"stock\": 7 ,"
             "\"none\":null,\"large\":99999999999999999999}");
    char text[8];
    int64_t number = 5;

    FS_REQUIRE(fs_load_reply_text(&reply, "order_id", text, sizeof(text)));
    FS_CHECK_STR(text, "abc");
    FS_CHECK(fs_load_reply_number(&reply, "remaining", &number));
    FS_CHECK_INT(number, -12);
    FS_CHECK(fs_load_reply_number(&reply, "stock", &number));
    FS_CHECK_INT(number, 7);
    FS_CHECK(!fs_load_reply_number(&reply, "none", &number));
    FS_CHECK(!fs_load_reply_number(&reply, "large", &number));
    FS_CHECK(!fs_load_reply_number(&reply, "missing", &number));
    FS_CHECK(!fs_load_reply_text(&reply, "stock", text, sizeof(text)));
    FS_CHECK_INT(number, 7);
}

/* Bodies that end anywhere are read within their bounds; the sanitizer looks. */
static void a_body_cut_anywhere_is_read_within_its_bounds(void)
{
    static const char whole[] = "{\"order_id\" : \"abcdefgh\", \"remaining\" : 12}";
    char text[8];
    int64_t number;

    for (size_t len = 0; len < sizeof(whole); len++) {
        struct fs_load_reply *reply = malloc(sizeof(*reply));

        FS_REQUIRE(reply != NULL);
        *reply = reply_of(200, whole);
        reply->body_len = (uint32_t)len;
        memset(reply->body + len, '"', sizeof(reply->body) - len);
        if (fs_load_reply_text(reply, "order_id", text, sizeof(text)))
            FS_CHECK_STR(text, "abcdefg"); /* cut to the room that there is */
        if (fs_load_reply_number(reply, "remaining", &number))
            FS_CHECK(number == 12 || number == 1);
        free(reply);
    }
}

#define TESTS(T)                                          \
    T(an_answer_is_classified_by_status_and_problem_type) \
    T(errors_are_what_no_customer_should_see)             \
    T(every_answer_and_operation_has_a_name)              \
    T(members_are_found_by_their_whole_name)              \
    T(a_body_cut_anywhere_is_read_within_its_bounds)

FS_SUITE("bench_load/answer", TESTS)
