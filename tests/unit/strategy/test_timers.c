/* Timers in the calls' own words: order, equal times, what is added meanwhile. */
#include "support/suite.h"

#include "strategy/timers.h"

#define CALLS 2000u

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 33;
}

static void seed(void)
{
    const char *text = getenv("FS_SEED");

    random_state = text ? strtoull(text, NULL, 10) : 20261127;
    printf("seed %" PRIu64 " ", random_state);
}

static void no_timer_is_never_due(void)
{
    struct fs_timers timers;

    fs_timers_init(&timers);
    FS_CHECK(fs_timers_next_due_us(&timers) == UINT64_MAX);
    FS_CHECK(fs_timers_take(&timers, UINT64_MAX, UINT64_MAX) == NULL);
}

static void timers_come_when_due_and_in_order(void)
{
    static struct fs_call calls[CALLS];
    static uint64_t due_us[CALLS];
    struct fs_timers timers;
    uint64_t last_us = 0;
    size_t taken = 0;
    size_t wrong = 0;

    seed();
    fs_timers_init(&timers);
    for (size_t i = 0; i < CALLS; i++) {
        due_us[i] = next_random() % 500;
        fs_timers_add(&timers, &calls[i], due_us[i]);
    }
    for (uint64_t now_us = 0; now_us < 500; now_us++) {
        struct fs_call *call;
        const struct fs_call *last = NULL;

        while ((call = fs_timers_take(&timers, now_us, UINT64_MAX))) {
            uint64_t due = due_us[call - calls];

            wrong += due != now_us || due < last_us || (last && call < last);
            last_us = due;
            last = call;
            taken++;
        }
        wrong += fs_timers_next_due_us(&timers) <= now_us;
    }
    FS_CHECK_INT(taken, CALLS);
    FS_CHECK_INT(wrong, 0);
}

static void adding_and_taking_in_turns_agrees_with_a_search(void)
{
    static struct fs_call calls[CALLS];
    static uint64_t due_us[CALLS];
    static bool waits[CALLS];
    struct fs_timers timers;
    uint64_t now_us = 0;
    size_t added = 0;
    size_t wrong = 0;

    seed();
    fs_timers_init(&timers);
    for (size_t step = 0; step < 3 * CALLS; step++) {
        struct fs_call *call;
        size_t first = CALLS;

        if (added < CALLS && next_random() % 3 == 0) {
            due_us[added] = now_us + next_random() % 50;
            waits[added] = true;
            fs_timers_add(&timers, &calls[added], due_us[added]);
            added++;
        }
        now_us += next_random() % 4;
        for (size_t i = 0; i < added; i++)
            if (waits[i] && (first == CALLS || due_us[i] < due_us[first]))
                first = i;
        call = fs_timers_take(&timers, now_us, UINT64_MAX);
        if (first == CALLS || due_us[first] > now_us)
            wrong += call != NULL;
        else
            wrong += call != &calls[first];
        if (call)
            waits[call - calls] = false;
    }
    FS_CHECK_INT(wrong, 0);
    FS_CHECK(added > CALLS / 2);
}

static void what_is_added_while_taking_waits_for_the_next_time(void)
{
    struct fs_call first = {0};
    struct fs_call second = {0};
    struct fs_timers timers;
    uint64_t number_end;

    fs_timers_init(&timers);
    fs_timers_add(&timers, &first, 10);
    number_end = timers.next_number;
    FS_CHECK(fs_timers_take(&timers, 10, number_end) == &first);
    fs_timers_add(&timers, &second, 10);
    FS_CHECK(fs_timers_take(&timers, 10, number_end) == NULL);
    FS_CHECK(fs_timers_take(&timers, 10, timers.next_number) == &second);
}

#define TESTS(T)                                       \
    T(no_timer_is_never_due)                           \
    T(timers_come_when_due_and_in_order)               \
    T(adding_and_taking_in_turns_agrees_with_a_search) \
    T(what_is_added_while_taking_waits_for_the_next_time)

FS_SUITE("strategy/timers", TESTS)
