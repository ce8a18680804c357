/* http/problem: each verdict has an answer, each answer a status that the metrics know. */
#include "http/problem.h"

#include <jansson.h>

#include "metrics/metrics.h"
#include "support/suite.h"

static enum fs_problem of(enum fs_verdict verdict, enum fs_sale_state state, bool about_order)
{
    const struct fs_outcome outcome = {.verdict = verdict, .state = state};

    return fs_problem_of(&outcome, about_order);
}

static void each_verdict_but_done_has_a_problem(void)
{
    FS_CHECK_INT(of(FS_DONE, 0, false), FS_PROBLEM_NONE);
    for (int verdict = FS_DONE + 1; verdict < FS_VERDICT_COUNT; verdict++)
        FS_CHECK(of((enum fs_verdict)verdict, 0, false) != FS_PROBLEM_NONE);
}

static void the_verdicts_are_answered_as_the_contract_says(void)
{
    const struct {
        enum fs_verdict verdict;
        enum fs_sale_state state;
        bool about_order;
        int status;
        const char *code;
    } rows[] = {
        {FS_SOLD_OUT, 0, false, 400, "sold_out"},
        {FS_LIMIT_REACHED, 0, false, 409, "user_limit"},
        {FS_TOO_MANY, 0, false, 400, "invalid_request"},
        {FS_CLOSED, FS_SALE_CLOSED, false, 403, "sale_closed"},
        {FS_CLOSED, FS_SALE_PAUSED, false, 403, "sale_paused"},
        {FS_CLOSED, FS_SALE_NOT_OPEN, false, 403, "sale_not_open"},
        {FS_UNKNOWN, 0, false, 404, "unknown_product"},
        {FS_UNKNOWN, 0, true, 404, "unknown_order"},
        {FS_EXISTS, 0, false, 409, "sale_exists"},
        {FS_KEY_REUSED, 0, false, 422, "key_reused"},
        {FS_IN_PROGRESS, 0, false, 409, "in_progress"},
        {FS_NOT_CANCELLABLE, 0, true, 409, "not_cancellable"},
        {FS_BUSY, 0, false, 503, "busy"},
        {FS_UNAVAILABLE, 0, false, 503, "unavailable"},
        {FS_UNAVAILABLE, 0, true, 504, "undetermined"},
        {FS_UNDETERMINED, 0, false, 504, "undetermined"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fs_problem_kind *kind =
            fs_problem_kind(of(rows[i].verdict, rows[i].state, rows[i].about_order));

        FS_CHECK_INT(kind->status, rows[i].status);
        FS_CHECK_STR(kind->code, rows[i].code);
    }
}

static bool says(struct fs_text detail, const char *words)
{
    return memmem(detail.data, detail.len, words, strlen(words)) != NULL;
}

static void only_a_purchase_without_a_key_is_told_that_nothing_was_taken(void)
{
    const enum fs_problem problems[] = {FS_PROBLEM_BUSY, FS_PROBLEM_UNAVAILABLE,
                                        FS_PROBLEM_UNDETERMINED};

    for (unsigned bits = 0; bits < 8; bits++)
        for (int endpoint = 0; endpoint < FS_ENDPOINT_COUNT; endpoint++)
            for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
                const struct fs_doubt doubt = {.endpoint = (enum fs_endpoint)endpoint,
                                               .is_read = (bits & 1) != 0,
                                               .has_key = (bits & 2) != 0,
                                               .was_sent = (bits & 4) != 0};
                struct fs_text detail = fs_problem_doubt(problems[i], &doubt);

                if (detail.len == 0)
                    detail = fs_text_of(fs_problem_kind(problems[i])->detail);
                FS_CHECK(detail.len > 0);
                FS_CHECK_INT(says(detail, "nothing was taken"),
                             endpoint == FS_ENDPOINT_PURCHASE && !doubt.has_key &&
                                 problems[i] != FS_PROBLEM_UNDETERMINED);
            }
}

static void each_problem_is_whole_and_its_code_its_own(void)
{
    for (int i = FS_PROBLEM_NONE + 1; i < FS_PROBLEM_COUNT; i++) {
        const struct fs_problem_kind *kind = fs_problem_kind((enum fs_problem)i);

        FS_REQUIRE(kind->code && kind->title && kind->detail);
        FS_CHECK(strlen(kind->detail) > 0);
        FS_CHECK_INT(fs_statuses[fs_status_index(kind->status)], kind->status);
        FS_CHECK((kind->status == 503 || kind->status == 429) == (kind->retry_after_s > 0));
        for (int j = i + 1; j < FS_PROBLEM_COUNT; j++)
            FS_CHECK(strcmp(kind->code, fs_problem_kind((enum fs_problem)j)->code) != 0);
    }
}

static void each_status_of_a_problem_has_its_reason(void)
{
    for (int i = FS_PROBLEM_NONE + 1; i < FS_PROBLEM_COUNT; i++) {
        int status = fs_problem_kind((enum fs_problem)i)->status;

        FS_CHECK(status == 500 || strcmp(fs_status_reason(status), "Internal Server Error") != 0);
    }
}

static void an_error_of_the_library_becomes_the_nearest_problem(void)
{
    FS_CHECK_INT(fs_problem_of_status(400), FS_PROBLEM_INVALID_REQUEST);
    FS_CHECK_INT(fs_problem_of_status(404), FS_PROBLEM_NOT_FOUND);
    FS_CHECK_INT(fs_problem_of_status(413), FS_PROBLEM_BODY_TOO_LARGE);
    FS_CHECK_INT(fs_problem_of_status(417), FS_PROBLEM_INVALID_REQUEST);
    FS_CHECK_INT(fs_problem_of_status(502), FS_PROBLEM_INTERNAL_ERROR);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void the_body_is_json_with_all_members(void)
{
    char data[1024];

    for (int i = FS_PROBLEM_NONE + 1; i < FS_PROBLEM_COUNT; i++) {
        const struct fs_problem_kind *kind = fs_problem_kind((enum fs_problem)i);
        struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));
        json_t *body;

        fs_problem_write(&buffer, (enum fs_problem)i, (struct fs_text){0}, FS_TEXT("rid-1"),
                         (struct fs_text){0});
        FS_CHECK(!buffer.overflowed);
        body = json_loadb(buffer.data, buffer.len, 0, NULL);
        FS_REQUIRE(body != NULL);
        FS_CHECK_INT(json_object_size(body), 6);
        FS_CHECK_CONTAINS(member(body, "type"), "urn:flashsale:problem:");
        FS_CHECK_CONTAINS(member(body, "type"), kind->code);
        FS_CHECK_STR(member(body, "title"), kind->title);
        FS_CHECK_STR(member(body, "detail"), kind->detail);
        FS_CHECK_STR(member(body, "code"), kind->code);
        FS_CHECK_STR(member(body, "request_id"), "rid-1");
        FS_CHECK_INT(json_integer_value(json_object_get(body, "status")), kind->status);
        json_decref(body);
    }
}

static void a_detail_and_an_order_id_are_told_and_escaped(void)
{
    char data[1024];
    struct fs_buffer buffer = fs_buffer_of(data, sizeof(data));
    json_t *body;

    fs_problem_write(&buffer, FS_PROBLEM_UNDETERMINED, FS_TEXT("a \"b\"\n\x01"), FS_TEXT("r"),
                     FS_TEXT("abc"));
    body = json_loadb(buffer.data, buffer.len, 0, NULL);
    FS_REQUIRE(body != NULL);
    FS_CHECK_STR(member(body, "detail"), "a \"b\"\n\x01");
    FS_CHECK_STR(member(body, "order_id"), "abc");
    json_decref(body);
}

#define TESTS(T)                                                    \
    T(each_verdict_but_done_has_a_problem)                          \
    T(the_verdicts_are_answered_as_the_contract_says)               \
    T(only_a_purchase_without_a_key_is_told_that_nothing_was_taken) \
    T(each_problem_is_whole_and_its_code_its_own)                   \
    T(each_status_of_a_problem_has_its_reason)                      \
    T(an_error_of_the_library_becomes_the_nearest_problem)          \
    T(the_body_is_json_with_all_members)                            \
    T(a_detail_and_an_order_id_are_told_and_escaped)
FS_SUITE("http/problem", TESTS)
