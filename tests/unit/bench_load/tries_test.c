/* What the engine makes of answers that are late, broken, refused or doubled. */
#include "trial.h"

#include <errno.h>
#include <unistd.h>

#include "support/suite.h"

#define BUSY "{\"type\":\"urn:flashsale:problem:busy\",\"code\":\"busy\"}"

static void misbehave_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                             struct fs_fake_answer *answer)
{
    static const enum fs_fake_action actions[] = {FS_FAKE_ANSWER,  FS_FAKE_CLOSE, FS_FAKE_END,
                                                  FS_FAKE_CHUNKED, FS_FAKE_HALF,  FS_FAKE_RESET,
                                                  FS_FAKE_GARBAGE};
    unsigned user = 0;

    (void)shop;
    if (sscanf(request->token, "token-of-%u", &user) == 1)
        answer->action = actions[(user - 1) % 7];
}

static void broken_answers_are_transport_errors_and_unusual_ones_are_not(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->users = trial->scenario->connections_max = 14;
    trial->scenario->iterations = 3;
    trial->shop.script = misbehave_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 4 * 2 * 3);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_TRANSPORT), 3 * 2 * 3);
    FS_CHECK_INT(trial->result.totals.errors, 3 * 2 * 3);
    FS_CHECK_INT(trial->result.totals.answered, 4 * 2 * 3);
    FS_CHECK_INT(trial->result.latency.total, 4 * 2 * 3);
    FS_CHECK_INT(trial->result.connects_failed, 0);
    fs_trial_destroy(trial);
}

static void silent_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                          struct fs_fake_answer *answer)
{
    (void)shop;
    if (strcmp(request->token, "token-of-3") == 0)
        answer->action = FS_FAKE_SILENT;
}

static void silence_is_a_timeout_and_does_not_hold_up_the_run(void)
{
    struct fs_trial *trial = fs_trial_create();
    const struct fs_operation *operation = NULL;

    trial->scenario->deadline_us = 1000000;
    trial->shop.script = silent_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 19);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_TIMEOUT), 1);
    for (size_t i = 0; i < trial->result.history.count; i++)
        if (fs_history_at(&trial->result.history, i)->answer == FS_ANSWER_TIMEOUT)
            operation = fs_history_at(&trial->result.history, i);
    FS_REQUIRE(operation != NULL);
    FS_CHECK_INT(operation->user, 2);
    FS_CHECK_INT(operation->status, 0);
    FS_CHECK(operation->answered_us - operation->sent_us >= 750000);
    FS_CHECK(trial->result.latency.max_us >= 1000000); /* who waits in vain has waited */
    fs_trial_destroy(trial);
}

/* What a proxy may put in the place of an answer. */
static void page_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                        struct fs_fake_answer *answer)
{
    static const char *const pages[] = {"<html>Welcome</html>", "{}", "{\"order_id\":\"\"}"};

    (void)shop;
    if (request->key[0] != '\0')
        snprintf(answer->body, sizeof(answer->body), "%s",
                 pages[request->key[strlen(request->key) - 9] % 3]);
}

static void a_200_without_an_order_is_no_sale(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->shop.script = page_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->result.totals.sold, 0);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 0);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_TRANSPORT), 20);
    FS_CHECK_INT(trial->result.totals.errors, 20);
    FS_CHECK_INT(trial->result.totals.answered, 20);
    fs_trial_destroy(trial);
}

/* A purchase is turned away twice, then sold. */
static void busy_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                        struct fs_fake_answer *answer)
{
    (void)shop;
    if (request->key[0] == '\0')
        return;
    answer->replayed = false;
    if (request->asked < 2) {
        answer->status = 503;
        snprintf(answer->body, sizeof(answer->body), BUSY);
    }
}

static void what_was_busy_is_asked_again_with_the_same_key(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->retry.again_max = 2;
    trial->shop.script = busy_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_BUSY), 40);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 20);
    FS_CHECK_INT(trial->result.totals.sold, 20);
    FS_CHECK_INT(fs_trial_count_again(&trial->result.history), 40);
    FS_CHECK_INT(trial->result.totals.errors, 0);
    fs_trial_destroy(trial);
}

static void no_more_often_than_the_scenario_says(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->retry.again_max = 1;
    trial->shop.script = busy_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_BUSY), 40);
    FS_CHECK_INT(trial->result.totals.sold, 0);
    fs_trial_destroy(trial);
}

static void a_doubled_purchase_is_one_sale_and_a_replay(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->retry.share_doubled = 1;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 40);
    FS_CHECK_INT(trial->result.totals.sold, 20);
    FS_CHECK_INT(trial->result.totals.sold_units, 20);
    FS_CHECK_INT(trial->result.totals.replayed, 20);
    FS_CHECK_INT(fs_trial_count_again(&trial->result.history), 20);
    FS_CHECK_INT(trial->shop.connections, 20);
    fs_trial_destroy(trial);
}

static void slow_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                        struct fs_fake_answer *answer)
{
    (void)shop;
    if (request->key[0] != '\0')
        answer->delay_ms = 30;
}

/* Pairs of one attempt of which each was sent before the other was answered. */
static size_t count_overlaps(const struct fs_history *history)
{
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct fs_operation *a = fs_history_at(history, i);
            const struct fs_operation *b = fs_history_at(history, j);

            count += a->attempt == b->attempt && a->sent_us < b->answered_us &&
                     b->sent_us < a->answered_us;
        }
    return count;
}

/* Each pair on two connections, with nothing else of the pair before its answer. */
static void a_concurrent_double_goes_over_a_second_connection(void)
{
    struct fs_trial *trial = fs_trial_create();
    size_t pairs = 0;

    trial->scenario->retry.share_doubled = trial->scenario->retry.share_concurrent = 1;
    trial->scenario->users = trial->scenario->connections_max = 8;
    trial->shop.script = slow_script;
    fs_trial_run(trial, NULL);
    for (size_t i = 0; i < trial->shop.count; i++)
        for (size_t j = 0; j < i && trial->shop.requests[i].key[0] != '\0'; j++)
            if (strcmp(trial->shop.requests[i].key, trial->shop.requests[j].key) == 0) {
                FS_CHECK(trial->shop.requests[i].connection != trial->shop.requests[j].connection);
                pairs++;
            }
    FS_CHECK_INT(pairs, 8);
    FS_CHECK_INT(trial->result.totals.sold, 8);
    FS_CHECK_INT(count_overlaps(&trial->result.history), 8);
    fs_trial_destroy(trial);
}

static void a_cut_purchase_is_asked_again_until_it_is_answered(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->retry.share_cut = 1;
    trial->scenario->iterations = 5;
    trial->shop.script = slow_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_CUT), 100);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 100);
    FS_CHECK_INT(trial->result.totals.sold, 100);
    FS_CHECK_INT(trial->result.totals.errors, 0);
    FS_CHECK_INT(trial->result.latency.total, 100); /* a cut has no latency */
    FS_CHECK(trial->shop.connections > 100);
    fs_trial_destroy(trial);
}

static void a_token_is_renewed_before_it_ends(void)
{
    struct fs_trial *trial = fs_trial_create();
    size_t logins;

    trial->shop.token_life_s = 1;
    trial->scenario->users = trial->scenario->connections_max = 3;
    trial->scenario->think_us_min = trial->scenario->think_us_max = 20000;
    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_VUS,
                   (struct fs_stage){.hold_us = 1200000, .target = 3},
                   (struct fs_stage){.hold_us = 0});
    fs_trial_run(trial, NULL);
    logins = fs_fake_shop_count(&trial->shop, "POST", "/login");
    FS_CHECK(logins >= 6 && logins <= 12);
    FS_CHECK_INT(trial->result.totals.errors, 0);
    FS_CHECK(trial->result.totals.sold > 30);
    fs_trial_destroy(trial);
}

static void orders_are_looked_up_and_cancelled_and_stock_comes_by_the_admin(void)
{
    struct fs_trial *trial = fs_trial_create();
    size_t cancels = 0, lookups = 0, restocks = 0;

    trial->scenario->users = trial->scenario->connections_max = 4;
    trial->scenario->iterations = 60;
    trial->scenario->mix = (struct fs_mix){.purchase = 4, .cancel = 2, .lookup = 2, .restock = 1};
    fs_trial_run(trial, NULL);
    for (size_t i = 0; i < trial->shop.count; i++) {
        const struct fs_fake_request *request = &trial->shop.requests[i];

        if (strncmp(request->path, "/orders/o", 9) == 0)
            *(request->method[0] == 'D' ? &cancels : &lookups) += 1;
        if (strcmp(request->path, "/admin/products/1") != 0)
            continue;
        FS_CHECK_STR(request->method, "PATCH");
        FS_CHECK_STR(request->body, "{\"add\":5}");
        FS_CHECK_STR(request->token, "token-of-admin");
        FS_CHECK(request->key[0] != '\0');
        restocks++;
    }
    FS_CHECK(cancels > 10 && lookups > 10 && restocks > 5);
    FS_CHECK_INT(trial->result.history.count, 240);
    FS_CHECK_INT(trial->result.latency_others.total, cancels + lookups);
    FS_CHECK_INT(trial->result.latency.total, 240 - cancels - lookups - restocks);
    fs_trial_destroy(trial);
}

static void refuse_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                          struct fs_fake_answer *answer)
{
    (void)shop;
    (void)request;
    answer->status = 401;
    snprintf(answer->body, sizeof(answer->body), "{\"code\":\"bad_credentials\"}");
}

static void a_refused_log_in_says_whose_and_why(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->shop.script = refuse_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->rc, -EACCES);
    FS_CHECK_CONTAINS(trial->error, "log-in of user_");
    FS_CHECK_CONTAINS(trial->error, "401");
    FS_CHECK_CONTAINS(trial->error, "bad_credentials");
    fs_trial_destroy(trial);
}

static void a_server_that_is_not_there_is_named(void)
{
    struct fs_trial *trial = fs_trial_create();
    struct fs_target target;

    fs_fake_shop_start(&trial->shop);
    fs_fake_shop_stop(&trial->shop);
    target = fs_trial_target(&trial->shop);
    trial->rc = fs_load_run(trial->scenario, &target, &trial->options, NULL, NULL, &trial->result,
                            trial->error);
    FS_CHECK_INT(trial->rc, -ECONNREFUSED);
    FS_CHECK_CONTAINS(trial->error, "127.0.0.1:");
    FS_CHECK_CONTAINS(trial->error, "Connection refused");
    fs_trial_destroy(trial);
}

#define TESTS(T)                                                       \
    T(broken_answers_are_transport_errors_and_unusual_ones_are_not)    \
    T(silence_is_a_timeout_and_does_not_hold_up_the_run)               \
    T(a_200_without_an_order_is_no_sale)                               \
    T(what_was_busy_is_asked_again_with_the_same_key)                  \
    T(no_more_often_than_the_scenario_says)                            \
    T(a_doubled_purchase_is_one_sale_and_a_replay)                     \
    T(a_concurrent_double_goes_over_a_second_connection)               \
    T(a_cut_purchase_is_asked_again_until_it_is_answered)              \
    T(a_token_is_renewed_before_it_ends)                               \
    T(orders_are_looked_up_and_cancelled_and_stock_comes_by_the_admin) \
    T(a_refused_log_in_says_whose_and_why)                             \
    T(a_server_that_is_not_there_is_named)

FS_SUITE("bench_load/tries", TESTS)
