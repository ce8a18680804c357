/* When the engine asks: all at once, by the clock, with the stages; and what it tells of it. */
#include "trial.h"

#include <errno.h>
#include <unistd.h>

#include "support/suite.h"

#define TRIES 5

/* What is about time holds on a machine that has time: in one of some tries. */
static bool holds_in_some_try(bool (*holds)(void))
{
    for (int i = 0; i < TRIES; i++)
        if (holds())
            return true;
    return false;
}

static void slow_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                        struct fs_fake_answer *answer)
{
    (void)shop;
    if (request->key[0] != '\0')
        answer->delay_ms = 30;
}

static void check_rush(const struct fs_trial *trial)
{
    bool seen[20] = {false};
    unsigned user;

    FS_CHECK_INT(trial->rc, 0);
    FS_CHECK_INT(fs_fake_shop_count(&trial->shop, "POST", "/login"), 20);
    FS_CHECK_INT(fs_fake_shop_count(&trial->shop, "POST", "/purchase/1"), 20);
    FS_CHECK_INT(trial->shop.connections, 20);
    for (size_t i = 0; i < trial->shop.count; i++) {
        const struct fs_fake_request *request = &trial->shop.requests[i];

        if (i < 20) {
            FS_CHECK_STR(request->path, "/login");
            FS_CHECK_CONTAINS(request->body, "\"password\":\"pass\\\"word\"}");
            continue;
        }
        FS_REQUIRE(sscanf(request->token, "token-of-%u", &user) == 1 && user >= 1 && user <= 20);
        FS_CHECK(!seen[user - 1]);
        seen[user - 1] = true;
        FS_CHECK_STR(request->body, "{\"quantity\":1}");
        FS_CHECK_INT(request->asked, 0);
        FS_CHECK_INT(strlen(request->key), 33);
    }
    FS_CHECK_INT(trial->result.totals.sold, 20);
    FS_CHECK_INT(trial->result.totals.offered, 20);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 20);
    FS_CHECK_INT(trial->result.latency.total, 20);
    FS_CHECK_INT(trial->result.history.count, 20);
}

static bool is_a_valid_rush(void)
{
    struct fs_trial *trial = fs_trial_create();
    bool is_valid;

    trial->options.threads = 2;
    fs_trial_run(trial, NULL);
    check_rush(trial);
    is_valid = trial->result.invalid[0] == '\0';
    if (!is_valid)
        printf("%s ", trial->result.invalid);
    fs_trial_destroy(trial);
    return is_valid;
}

static void a_rush_logs_everybody_in_and_then_asks_once_for_each(void)
{
    FS_CHECK(holds_in_some_try(is_a_valid_rush));
}

static void a_history_tells_of_each_request_what_was_answered(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->quantity_min = trial->scenario->quantity_max = 3;
    fs_trial_run(trial, NULL);
    for (size_t i = 0; i < trial->result.history.count; i++) {
        const struct fs_operation *operation = fs_history_at(&trial->result.history, i);
        char key[FS_LOAD_KEY_SIZE];
        bool is_known = false;

        fs_load_key(trial->result.run, operation->attempt, key);
        for (size_t j = 0; j < trial->shop.count; j++)
            is_known |= strcmp(trial->shop.requests[j].key, key) == 0;
        FS_CHECK(is_known);
        FS_CHECK_INT(strncmp(operation->order_id, "o", 1), 0);
        FS_CHECK_STR(operation->order_id + 1, key + 8);
        FS_CHECK_INT(operation->remaining, 41);
        FS_CHECK_INT(operation->status, 200);
        FS_CHECK_INT(operation->quantity, 3);
        FS_CHECK(operation->intended_us <= operation->sent_us);
        FS_CHECK(operation->sent_us <= operation->answered_us);
        FS_CHECK(!operation->again && !operation->replayed && !operation->warmup);
    }
    FS_CHECK_INT(trial->result.history.count, 20);
    FS_CHECK_INT(trial->result.totals.sold_units, 60);
    fs_trial_destroy(trial);
}

static void iterations_that_the_time_did_not_suffice_for_are_counted(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->iterations = 100000;
    trial->scenario->think_us_min = trial->scenario->think_us_max = 1000;
    trial->scenario->time_max_us = 100000;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->rc, 0);
    FS_CHECK_INT(trial->result.unfinished, 20);
    fs_trial_destroy(trial);
    trial = fs_trial_create();
    trial->scenario->iterations = 3;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->result.unfinished, 0);
    FS_CHECK_INT(trial->result.totals.offered, 60);
    fs_trial_destroy(trial);
}

/* What each user has asked, in its order, as one text. */
static char *script_of(const struct fs_fake_shop *shop, const char *token)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    for (size_t i = 0; i < shop->count; i++)
        if (strcmp(shop->requests[i].token, token) == 0)
            fprintf(file, "%s %s %s\n", shop->requests[i].method, shop->requests[i].path,
                    shop->requests[i].body);
    fclose(file);
    return text;
}

static struct fs_trial *run_with_seed(uint64_t seed, uint32_t threads)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->users = trial->scenario->connections_max = 6;
    trial->scenario->iterations = 12;
    trial->scenario->mix = (struct fs_mix){.purchase = 5, .inventory = 3};
    trial->scenario->product_count = 2;
    trial->scenario->quantity_max = 4;
    trial->options.seed = seed;
    trial->options.threads = threads;
    fs_trial_run(trial, NULL);
    return trial;
}

static void the_same_seed_gives_each_user_the_same_requests_on_any_number_of_threads(void)
{
    struct fs_trial *first = run_with_seed(7, 1);
    struct fs_trial *second = run_with_seed(7, 3);
    struct fs_trial *other = run_with_seed(8, 1);
    size_t differ = 0;

    for (unsigned user = 1; user <= 6; user++) {
        char token[32];
        char *a, *b, *c;

        snprintf(token, sizeof(token), "token-of-%u", user);
        a = script_of(&first->shop, token);
        b = script_of(&second->shop, token);
        c = script_of(&other->shop, token);
        FS_CHECK_STR(b, a);
        differ += strcmp(a, c) != 0;
        free(a);
        free(b);
        free(c);
    }
    FS_CHECK_INT(differ, 6);
    fs_trial_destroy(first);
    fs_trial_destroy(second);
    fs_trial_destroy(other);
}

/* Once, when the 60th purchase comes, everything stands still for half a second. */
static void stall_script(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                         struct fs_fake_answer *answer)
{
    (void)answer;
    if (strcmp(request->method, "POST") == 0 && shop->count == 20 + 60)
        usleep(500000);
}

static bool is_the_stall_in_latency_alone(void)
{
    struct fs_trial *trial = fs_trial_create();
    bool is_quick_else;

    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_ARRIVAL_RATE,
                   (struct fs_stage){.hold_us = 1200000, .target = 200},
                   (struct fs_stage){.hold_us = 0});
    trial->scenario->connections_max = 4;
    trial->shop.script = stall_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->result.totals.offered, 240);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 240);
    /* Of 240 arrivals 100 came during the stall and waited 250 ms on average; 4 were on their way. */
    FS_CHECK(fs_latency_percentile(&trial->result.latency, 80) > 150000);
    FS_CHECK(fs_latency_percentile(&trial->result.latency, 99) > 400000);
    FS_CHECK(trial->result.service.max_us > 400000);
    is_quick_else = fs_latency_percentile(&trial->result.service, 95) < 150000;
    fs_trial_destroy(trial);
    return is_quick_else;
}

static void a_stalled_server_shows_in_latency_of_the_open_model_and_not_in_service(void)
{
    FS_CHECK(holds_in_some_try(is_the_stall_in_latency_alone));
}

static void fewer_connections_than_users_carry_them_all(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->users = 60;
    trial->scenario->connections_max = 4;
    trial->scenario->iterations = 3;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->result.totals.sold, 180);
    FS_CHECK_INT(trial->shop.connections_open_max, 4);
    FS_CHECK_INT(fs_fake_shop_count(&trial->shop, "POST", "/login"), 60);
    fs_trial_destroy(trial);
}

static void warm_up_is_sent_and_kept_but_in_no_figure(void)
{
    struct fs_trial *trial = fs_trial_create();
    size_t warmup = 0, all = 0;

    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_ARRIVAL_RATE,
                   (struct fs_stage){.hold_us = 300000, .target = 100, .warmup = true},
                   (struct fs_stage){.hold_us = 400000, .target = 200});
    fs_trial_run(trial, NULL);
    for (size_t i = 0; i < trial->result.history.count; i++)
        warmup += fs_history_at(&trial->result.history, i)->warmup;
    for (size_t i = 0; i < trial->result.second_count; i++)
        all += trial->result.seconds[i].answered;
    FS_CHECK_INT(trial->result.history.count, 110);
    FS_CHECK_INT(warmup, 30);
    FS_CHECK_INT(trial->result.warmup_requests, 30);
    FS_CHECK_INT(trial->result.totals.offered, 80);
    FS_CHECK_INT(trial->result.totals.sold, 80);
    FS_CHECK_INT(trial->result.latency.total, 80);
    FS_CHECK_INT(trial->result.measured_us, 400000);
    FS_CHECK_INT(all, 110);
    FS_CHECK(trial->result.offered_per_s > 199 && trial->result.offered_per_s < 201);
    fs_trial_destroy(trial);
}

static bool do_users_follow_the_stages(void)
{
    struct fs_trial *trial = fs_trial_create();
    unsigned users_seen[3] = {0};
    bool seen[3][20] = {{false}};
    unsigned open_max;

    trial->scenario->think_us_min = trial->scenario->think_us_max = 5000;
    fs_trial_stage(trial, FS_EXECUTOR_RAMPING_VUS,
                   (struct fs_stage){.hold_us = 300000, .target = 4},
                   (struct fs_stage){.hold_us = 300000, .target = 20});
    trial->scenario->stages[2] = (struct fs_stage){.hold_us = 300000, .target = 2};
    trial->scenario->stage_count = 3;
    fs_trial_run(trial, NULL);
    for (size_t i = 0; i < trial->result.history.count; i++) {
        const struct fs_operation *operation = fs_history_at(&trial->result.history, i);
        uint64_t in_stage_us = operation->intended_us % 300000;

        if (in_stage_us > 100000 && operation->intended_us < 900000)
            seen[operation->intended_us / 300000][operation->user] = true;
    }
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 20; j++)
            users_seen[i] += seen[i][j];
    open_max = trial->shop.connections_open_max;
    printf("%u, %u, %u users ", users_seen[0], users_seen[1], users_seen[2]);
    fs_trial_destroy(trial);
    return users_seen[0] == 4 && users_seen[1] == 20 && users_seen[2] == 2 && open_max == 20;
}

static void users_come_and_go_with_the_stages(void)
{
    FS_CHECK(holds_in_some_try(do_users_follow_the_stages));
}

static void stop_at_progress(void *data, const struct fs_load_progress *now)
{
    struct fs_trial *trial = data;

    if (now->elapsed_us > 200000 && now->sold > 100)
        atomic_store(&trial->stop, true);
}

static void a_stopped_run_ends_early_and_is_still_reported(void)
{
    struct fs_trial *trial = fs_trial_create();

    trial->scenario->think_us_min = trial->scenario->think_us_max = 10000;
    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_VUS,
                   (struct fs_stage){.hold_us = 300000, .target = 20},
                   (struct fs_stage){.hold_us = 60000000, .target = 20});
    fs_trial_run(trial, stop_at_progress);
    FS_CHECK_INT(trial->rc, 0);
    FS_CHECK(trial->result.stopped_early);
    FS_CHECK(trial->result.measured_us < 30000000);
    FS_CHECK(trial->result.totals.sold > 100);
    fs_trial_destroy(trial);
}

static bool is_each_user_busy(void)
{
    struct fs_trial *trial = fs_trial_create();
    bool is_busy;

    trial->shop.script = slow_script;
    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_VUS,
                   (struct fs_stage){.hold_us = 600000, .target = 20},
                   (struct fs_stage){.hold_us = 0});
    fs_trial_run(trial, NULL);
    /* 20 users, 30 ms an answer: 666 a second and not more. */
    FS_CHECK(trial->result.answered_per_s <= 667);
    is_busy = trial->result.answered_per_s > 200;
    FS_CHECK(fs_latency_percentile(&trial->result.latency, 1) >= 29000);
    FS_CHECK_INT(trial->result.totals.answered, trial->result.totals.offered);
    fs_trial_destroy(trial);
    return is_busy;
}

static void a_closed_loop_without_think_time_keeps_one_request_a_user_in_flight(void)
{
    FS_CHECK(holds_in_some_try(is_each_user_busy));
}

/* Two connections of 30 ms an answer carry 66 requests a second; 200 are asked for. */
static bool is_all_sent_and_none_late_by_its_own_fault(void)
{
    struct fs_trial *trial = fs_trial_create();
    bool is_on_time;

    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_ARRIVAL_RATE,
                   (struct fs_stage){.hold_us = 400000, .target = 200},
                   (struct fs_stage){.hold_us = 0});
    trial->scenario->connections_max = 2;
    trial->shop.script = slow_script;
    fs_trial_run(trial, NULL);
    FS_CHECK_INT(trial->result.totals.offered, 80);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK), 80);
    FS_CHECK(trial->result.latency.max_us > 500000);
    FS_CHECK(trial->result.answered_per_s < 70); /* within the 400 ms */
    is_on_time = trial->result.late_starts <= 2; /* it was not the generator's fault */
    fs_trial_destroy(trial);
    return is_on_time;
}

static void what_came_before_the_end_is_sent_until_its_deadline(void)
{
    struct fs_trial *trial;
    uint64_t timeouts;

    FS_CHECK(holds_in_some_try(is_all_sent_and_none_late_by_its_own_fault));
    trial = fs_trial_create();
    fs_trial_stage(trial, FS_EXECUTOR_CONSTANT_ARRIVAL_RATE,
                   (struct fs_stage){.hold_us = 400000, .target = 200},
                   (struct fs_stage){.hold_us = 0});
    trial->scenario->connections_max = 2;
    trial->scenario->deadline_us = 200000;
    trial->shop.script = slow_script;
    fs_trial_run(trial, NULL);
    timeouts = fs_trial_answers(trial, FS_ANSWER_TIMEOUT);
    FS_CHECK(timeouts > 30);
    FS_CHECK_INT(fs_trial_answers(trial, FS_ANSWER_OK) + timeouts, 80);
    FS_CHECK_INT(trial->result.history.count, 80);
    fs_trial_destroy(trial);
}

#define TESTS(T)                                                                \
    T(a_rush_logs_everybody_in_and_then_asks_once_for_each)                     \
    T(iterations_that_the_time_did_not_suffice_for_are_counted)                 \
    T(a_history_tells_of_each_request_what_was_answered)                        \
    T(the_same_seed_gives_each_user_the_same_requests_on_any_number_of_threads) \
    T(a_stalled_server_shows_in_latency_of_the_open_model_and_not_in_service)   \
    T(fewer_connections_than_users_carry_them_all)                              \
    T(what_came_before_the_end_is_sent_until_its_deadline)                      \
    T(warm_up_is_sent_and_kept_but_in_no_figure)                                \
    T(users_come_and_go_with_the_stages)                                        \
    T(a_stopped_run_ends_early_and_is_still_reported)                           \
    T(a_closed_loop_without_think_time_keeps_one_request_a_user_in_flight)

FS_SUITE("bench_load/engine", TESTS)
