/* When a run's figures must not be believed, and what a second of it is. */
#include "load/figures.h"

#include <errno.h>

#include "support/suite.h"

static struct fs_load_result sound_result(void)
{
    return (struct fs_load_result){.totals = {.offered = 100000, .sent = 100000},
                                   .measured_us = 5000000,
                                   .late_limit_us = 10000,
                                   .late_starts = 100,
                                   .busy_max = 0.9,
                                   .connects = 10};
}

static void a_generator_within_its_limits_is_believed(void)
{
    struct fs_load_result result = sound_result();

    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "");
}

static void more_late_starts_than_one_in_a_thousand_are_not(void)
{
    struct fs_load_result result = sound_result();

    result.late_starts = 101;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "0.10 % of the requests started more than 10 ms late, by the "
                                 "generator's fault (at most 0.1 %): it had too little CPU");
}

static void one_hiccup_of_a_short_run_is_forgiven(void)
{
    struct fs_load_result result = sound_result();

    result.totals.sent = 50;
    result.late_starts = 5;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "");
    result.late_starts = 6;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_CONTAINS(result.invalid, "12.00 % of the requests");
}

static void a_thread_that_fills_its_core_is_not_believed_but_for_a_burst(void)
{
    struct fs_load_result result = sound_result();

    result.busy_max = 0.96;
    result.measured_us = 900000;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "");
    result.measured_us = 1000000;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_CONTAINS(result.invalid, "96 % busy (at most 90 %)");
}

/* In a closed loop without think time no start is late, however long the generator stands still. */
static void a_generator_that_others_keep_from_its_core_is_not_believed(void)
{
    struct fs_load_result result = sound_result();

    result.waited_max = 0.33;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "");
    result.waited_max = 0.63;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(
        result.invalid,
        "a thread of the generator was ready and had no processor 63 % of the time (at most "
        "33 %): others on this machine had it");
    result = sound_result();
    result.waited_max = 0.63;
    result.measured_us = 400000;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "");
}

static void connections_that_this_machine_refused_are_named(void)
{
    struct fs_load_result result = sound_result();

    result.connects_failed = 2;
    fs_figures_judge(&result, false, EADDRNOTAVAIL);
    FS_CHECK_STR(result.invalid,
                 "2 of 10 connections failed on the generator's side: Cannot assign "
                 "requested address");
}

static void a_run_without_a_request_measures_nothing(void)
{
    struct fs_load_result result = sound_result();

    result.totals.offered = result.totals.sent = 0;
    fs_figures_judge(&result, false, 0);
    FS_CHECK_STR(result.invalid, "no request was due in the measured time: nothing was measured");
}

static void a_history_with_gaps_is_not_believed(void)
{
    struct fs_load_result result = sound_result();

    fs_figures_judge(&result, true, 0);
    FS_CHECK_CONTAINS(result.invalid, "memory ran out");
}

/* Two threads hand over the same seconds in turn; the sums are whole, and each second's percentiles
 * are of both. */
static void threads_seconds_add_up_on_the_board(void)
{
    struct fs_board board;
    struct fs_tally tallies[2];
    struct fs_load_progress progress;

    FS_REQUIRE(fs_board_init(&board, 2) == 0);
    for (uint32_t i = 0; i < 2; i++)
        FS_REQUIRE(fs_tally_init(&tallies[i]) == 0);
    for (uint64_t second = 0; second < 200; second++)
        for (uint32_t i = 0; i < 2; i++) {
            tallies[i].all.answered = 10;
            tallies[i].all.users = 3 + i;
            tallies[i].all.answers[FS_ANSWER_OK] = 4;
            tallies[i].measured.answered = second >= 100 ? 10 : 0;
            fs_latency_record(&tallies[i].latency, i == 0 ? 100 : 900);
            fs_board_add(&board, i, &tallies[i], second + 1);
            FS_CHECK_INT(tallies[i].all.answered, 0);
            FS_CHECK_INT(tallies[i].latency.total, 0);
        }
    tallies[1].all.answered = 1; /* this thread alone reaches another second */
    fs_latency_record(&tallies[1].latency, 500);
    fs_board_add(&board, 1, &tallies[1], 201);
    fs_board_finish(&board);
    fs_board_read(&board, &progress);
    FS_CHECK_INT(board.second_count, 201);
    FS_CHECK_INT(board.seconds[150].answered, 20);
    FS_CHECK_INT(board.seconds[150].users, 7);
    FS_CHECK_INT(board.seconds[150].answers[FS_ANSWER_OK], 8);
    FS_CHECK_INT(board.seconds[150].latency_p50_us, 100);
    FS_CHECK_INT(board.seconds[150].latency_max_us, 900);
    FS_CHECK_INT(board.seconds[200].latency_p50_us, 500);
    FS_CHECK_INT(progress.answered, 2000);
    for (uint32_t i = 0; i < 2; i++)
        fs_tally_dispose(&tallies[i]);
    fs_board_dispose(&board);
}

static void histories_are_joined_block_by_block(void)
{
    struct fs_history into, from;
    size_t count = FS_HISTORY_BLOCK + 100;

    fs_history_init(&into);
    fs_history_init(&from);
    for (size_t i = 0; i < count; i++) {
        struct fs_operation *operation = fs_history_add(i % 3 == 0 ? &into : &from);

        FS_REQUIRE(operation != NULL);
        FS_CHECK(operation->attempt == 0);
        operation->attempt = i;
    }
    FS_CHECK_INT(fs_history_append(&into, &from), 0);
    FS_CHECK_INT(into.count, count);
    FS_CHECK_INT(from.count, 0);
    FS_CHECK_INT(fs_history_at(&into, 1)->attempt, 3);
    FS_CHECK_INT(fs_history_at(&into, count - 1)->attempt, count - 1);
    FS_CHECK_INT(fs_history_append(&from, &into), 0); /* into an empty one: handed over */
    FS_CHECK_INT(from.count, count);
    fs_history_dispose(&into);
    fs_history_dispose(&from);
}

#define TESTS(T)                                                    \
    T(a_generator_within_its_limits_is_believed)                    \
    T(more_late_starts_than_one_in_a_thousand_are_not)              \
    T(one_hiccup_of_a_short_run_is_forgiven)                        \
    T(a_thread_that_fills_its_core_is_not_believed_but_for_a_burst) \
    T(a_generator_that_others_keep_from_its_core_is_not_believed)   \
    T(connections_that_this_machine_refused_are_named)              \
    T(a_run_without_a_request_measures_nothing)                     \
    T(a_history_with_gaps_is_not_believed)                          \
    T(threads_seconds_add_up_on_the_board)                          \
    T(histories_are_joined_block_by_block)

FS_SUITE("bench_load/figures", TESTS)
