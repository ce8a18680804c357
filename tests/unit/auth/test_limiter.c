/* Guessing is bounded: in any hour, by any number at once, behind any flood. */
#include "auth/limiter.h"

#include <errno.h>
#include <pthread.h>

#include "fixture.h"
#include "support/suite.h"

#define SECOND_US UINT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define START_US (1000 * HOUR_US)
#define NOBODY ((struct fs_text){NULL, 0})

/* One failed attempt; returns whether it was let through. */
static bool fail(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                 uint64_t now_us)
{
    struct fs_limiter_claim claim;
    unsigned retry_after_s;

    if (fs_limiter_claim(limiter, account, address, now_us, &claim, &retry_after_s) != 0)
        return false;
    fs_limiter_settle(limiter, &claim, true);
    return true;
}

static unsigned retry_after(struct fs_limiter *limiter, struct fs_text account,
                            struct fs_text address, uint64_t now_us)
{
    unsigned retry_after_s = 0;

    return fs_limiter_check(limiter, account, address, now_us, &retry_after_s) == 0 ? 0
                                                                                    : retry_after_s;
}

static void an_address_that_logged_in_before_passes_while_its_account_is_attacked(void)
{
    struct fs_limiter *limiter;
    const struct fs_text account = FS_TEXT("user"), home = FS_TEXT("192.0.2.1");

    FS_REQUIRE(fs_limiter_create(5, 1000, &limiter) == 0);
    fs_limiter_know(limiter, account, home, START_US);
    while (fail(limiter, account, FS_TEXT("203.0.113.1"), START_US))
        ;
    FS_CHECK(retry_after(limiter, account, FS_TEXT("203.0.113.1"), START_US) > 0);
    FS_CHECK_INT(retry_after(limiter, account, home, START_US), 0);
    FS_CHECK(retry_after(limiter, FS_TEXT("user"), FS_TEXT("192.0.2.2"), START_US) > 0);
    fs_limiter_forget(limiter, account, home);
    FS_CHECK(retry_after(limiter, account, home, START_US) > 0);
    fs_limiter_destroy(limiter);
}

static void an_account_fails_no_more_than_allowed_in_any_hour(void)
{
    enum { MAX = 7, TRIES = 200000 };
    struct fs_random random = fs_random_begin("times of attempts");
    struct fs_limiter *limiter;
    uint64_t *let_through = calloc(TRIES, sizeof(*let_through));
    uint64_t now_us = START_US;
    size_t count = 0;

    FS_REQUIRE(let_through != NULL && fs_limiter_create(MAX, MAX, &limiter) == 0);
    for (int i = 0; i < TRIES; i++) {
        /* Bursts and lulls: mostly a second, sometimes up to two hours. */
        now_us += fs_random_below(&random, fs_random_below(&random, 500) ? SECOND_US : 2 * HOUR_US);
        if (fail(limiter, FS_TEXT("victim"), NOBODY, now_us))
            let_through[count++] = now_us;
    }
    FS_CHECK(count > 5 * MAX);
    for (size_t i = MAX; i < count; i++)
        FS_REQUIRE(let_through[i] - let_through[i - MAX] >= HOUR_US);
    fs_limiter_destroy(limiter);
    free(let_through);
}

static void the_time_to_wait_is_told_and_true(void)
{
    struct fs_random random = fs_random_begin("retry_after");
    struct fs_limiter *limiter;
    uint64_t now_us = START_US;

    FS_REQUIRE(fs_limiter_create(3, 3, &limiter) == 0);
    for (int i = 0; i < 300; i++) {
        unsigned wait_s;

        while (fail(limiter, FS_TEXT("a"), NOBODY, now_us))
            now_us += fs_random_below(&random, 1500 * SECOND_US);
        wait_s = retry_after(limiter, FS_TEXT("a"), NOBODY, now_us);
        FS_REQUIRE(wait_s >= 1 && wait_s <= 3900);
        if (wait_s > 2)
            FS_CHECK(retry_after(limiter, FS_TEXT("a"), NOBODY, now_us + (wait_s - 2) * SECOND_US) >
                     0);
        now_us += wait_s * SECOND_US;
        FS_CHECK_INT(retry_after(limiter, FS_TEXT("a"), NOBODY, now_us), 0);
    }
    fs_limiter_destroy(limiter);
}

static void a_success_is_not_counted(void)
{
    struct fs_limiter *limiter;
    struct fs_limiter_claim claim;
    unsigned retry_after_s;

    FS_REQUIRE(fs_limiter_create(2, 2, &limiter) == 0);
    for (int i = 0; i < 1000; i++) {
        FS_REQUIRE(fs_limiter_claim(limiter, FS_TEXT("a"), FS_TEXT("10.0.0.1"),
                                    START_US + (uint64_t)i * 7 * SECOND_US, &claim,
                                    &retry_after_s) == 0);
        fs_limiter_settle(limiter, &claim, false);
    }
    FS_CHECK(fail(limiter, FS_TEXT("a"), FS_TEXT("10.0.0.1"), START_US + 2 * HOUR_US));
    FS_CHECK(fail(limiter, FS_TEXT("a"), FS_TEXT("10.0.0.1"), START_US + 2 * HOUR_US));
    FS_CHECK(!fail(limiter, FS_TEXT("a"), FS_TEXT("10.0.0.1"), START_US + 2 * HOUR_US));
    fs_limiter_destroy(limiter);
}

static void a_success_settled_long_after_takes_nothing_back_from_later_failures(void)
{
    struct fs_limiter *limiter;
    struct fs_limiter_claim slow;
    unsigned retry_after_s;

    FS_REQUIRE(fs_limiter_create(2, 2, &limiter) == 0);
    FS_CHECK_INT(fs_limiter_claim(limiter, FS_TEXT("a"), NOBODY, START_US, &slow, &retry_after_s),
                 0);
    FS_CHECK(fail(limiter, FS_TEXT("a"), NOBODY, START_US + 65 * 60 * SECOND_US));
    FS_CHECK(fail(limiter, FS_TEXT("a"), NOBODY, START_US + 65 * 60 * SECOND_US));
    fs_limiter_settle(limiter, &slow, false);
    FS_CHECK(!fail(limiter, FS_TEXT("a"), NOBODY, START_US + 65 * 60 * SECOND_US));
    fs_limiter_destroy(limiter);
}

struct guesser {
    struct fs_limiter *limiter;
    pthread_barrier_t *barrier;
    unsigned let_through;
};

static void *guess(void *data)
{
    struct guesser *guesser = data;
    struct fs_limiter_claim claims[50];
    unsigned retry_after_s;

    pthread_barrier_wait(guesser->barrier);
    for (int i = 0; i < 50; i++)
        if (fs_limiter_claim(guesser->limiter, FS_TEXT("victim"), FS_TEXT("10.0.0.1"), START_US,
                             &claims[guesser->let_through], &retry_after_s) == 0)
            guesser->let_through++;
    for (unsigned i = 0; i < guesser->let_through; i++)
        fs_limiter_settle(guesser->limiter, &claims[i], true);
    return NULL;
}

static void guesses_at_once_do_not_exceed_the_bound(void)
{
    enum { THREADS = 4, MAX = 20 };
    pthread_barrier_t barrier;

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int round = 0; round < 20; round++) {
        struct guesser guessers[THREADS];
        pthread_t threads[THREADS];
        struct fs_limiter *limiter;
        unsigned sum = 0;

        FS_REQUIRE(fs_limiter_create(MAX, MAX, &limiter) == 0);
        for (int i = 0; i < THREADS; i++) {
            guessers[i] = (struct guesser){limiter, &barrier, 0};
            pthread_create(&threads[i], NULL, guess, &guessers[i]);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            sum += guessers[i].let_through;
        }
        FS_CHECK_INT(sum, MAX);
        fs_limiter_destroy(limiter);
    }
    pthread_barrier_destroy(&barrier);
}

static void attempts_under_way_ask_others_to_wait_a_moment_only(void)
{
    struct fs_limiter *limiter;
    struct fs_limiter_claim claims[2];
    unsigned retry_after_s = 0;

    FS_REQUIRE(fs_limiter_create(2, 2, &limiter) == 0);
    for (int i = 0; i < 2; i++)
        FS_CHECK_INT(
            fs_limiter_claim(limiter, FS_TEXT("a"), NOBODY, START_US, &claims[i], &retry_after_s),
            0);
    FS_CHECK_INT(retry_after(limiter, FS_TEXT("a"), NOBODY, START_US), 1);
    fs_limiter_settle(limiter, &claims[0], true);
    FS_CHECK_INT(retry_after(limiter, FS_TEXT("a"), NOBODY, START_US), 1);
    fs_limiter_settle(limiter, &claims[1], true);
    FS_CHECK(retry_after(limiter, FS_TEXT("a"), NOBODY, START_US) > 3000);
    fs_limiter_destroy(limiter);
}

static void no_flood_of_other_names_resets_an_account_or_an_address(void)
{
    struct fs_limiter *limiter;
    char name[32], address[32];

    FS_REQUIRE(fs_limiter_create(5, 5, &limiter) == 0);
    while (fail(limiter, FS_TEXT("victim"), FS_TEXT("10.9.9.9"), START_US))
        ;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "flood_%u", i);
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        fail(limiter, fs_text_of(name), fs_text_of(address), START_US + i);
    }
    FS_CHECK(!fail(limiter, FS_TEXT("victim"), NOBODY, START_US + SECOND_US));
    FS_CHECK(!fail(limiter, NOBODY, FS_TEXT("10.9.9.9"), START_US + SECOND_US));
    fs_limiter_destroy(limiter);
}

static void a_thousand_accounts_that_fail_do_not_lock_out_others(void)
{
    struct fs_limiter *limiter;
    char name[32];
    unsigned refused = 0;

    FS_REQUIRE(fs_limiter_create(20, 20, &limiter) == 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "noisy_%u", i);
        while (fail(limiter, fs_text_of(name), NOBODY, START_US))
            ;
    }
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "quiet_%u", i);
        refused += retry_after(limiter, fs_text_of(name), NOBODY, START_US) > 0;
    }
    /* A row is full at 1 in 8.7 columns: all four at 1 in 5,700. */
    FS_CHECK(refused <= 20);
    fs_limiter_destroy(limiter);
}

static void an_address_counts_across_accounts_and_an_ipv6_one_as_its_net(void)
{
    static const char *const same[][2] = {{"192.0.2.7", "192.0.2.7"},
                                          {"192.0.2.7", "::ffff:192.0.2.7"},
                                          {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
                                          {"2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:9"}};
    static const char *const different[][2] = {{"192.0.2.7", "192.0.2.8"},
                                               {"2001:db8:1:2::1", "2001:db8:1:3::1"},
                                               {"::ffff:192.0.2.7", "::ffff:192.0.2.8"}};

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct fs_limiter *limiter;

        FS_REQUIRE(fs_limiter_create(2, 2, &limiter) == 0);
        FS_CHECK(fail(limiter, FS_TEXT("a"), fs_text_of(same[i][0]), START_US));
        FS_CHECK(fail(limiter, FS_TEXT("b"), fs_text_of(same[i][1]), START_US));
        FS_CHECK(!fail(limiter, FS_TEXT("c"), fs_text_of(same[i][0]), START_US));
        FS_CHECK(!fail(limiter, FS_TEXT("c"), fs_text_of(same[i][1]), START_US));
        FS_CHECK(fail(limiter, FS_TEXT("c"), NOBODY, START_US));
        fs_limiter_destroy(limiter);
    }
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        struct fs_limiter *limiter;

        FS_REQUIRE(fs_limiter_create(1, 1, &limiter) == 0);
        FS_CHECK(fail(limiter, NOBODY, fs_text_of(different[i][0]), START_US));
        FS_CHECK(fail(limiter, NOBODY, fs_text_of(different[i][1]), START_US));
        fs_limiter_destroy(limiter);
    }
}

static void a_new_limit_holds_at_once(void)
{
    struct fs_limiter *limiter;

    FS_REQUIRE(fs_limiter_create(2, 2, &limiter) == 0);
    while (fail(limiter, FS_TEXT("a"), NOBODY, START_US))
        ;
    fs_limiter_set_max(limiter, 3, 3);
    FS_CHECK(fail(limiter, FS_TEXT("a"), NOBODY, START_US));
    FS_CHECK(!fail(limiter, FS_TEXT("a"), NOBODY, START_US));
    fs_limiter_destroy(limiter);
}

static void an_address_may_fail_more_often_than_an_account(void)
{
    const struct fs_text office = FS_TEXT("192.0.2.1");
    struct fs_limiter *limiter;

    FS_REQUIRE(fs_limiter_create(1, 3, &limiter) == 0);
    FS_CHECK(fail(limiter, FS_TEXT("a"), office, START_US));
    FS_CHECK(!fail(limiter, FS_TEXT("a"), office, START_US));
    FS_CHECK(fail(limiter, FS_TEXT("b"), office, START_US));
    FS_CHECK(fail(limiter, FS_TEXT("c"), office, START_US));
    FS_CHECK(!fail(limiter, FS_TEXT("d"), office, START_US));
    fs_limiter_destroy(limiter);
}

#define TESTS(T)                                                             \
    T(an_address_that_logged_in_before_passes_while_its_account_is_attacked) \
    T(an_account_fails_no_more_than_allowed_in_any_hour)                     \
    T(the_time_to_wait_is_told_and_true)                                     \
    T(a_success_is_not_counted)                                              \
    T(a_success_settled_long_after_takes_nothing_back_from_later_failures)   \
    T(guesses_at_once_do_not_exceed_the_bound)                               \
    T(attempts_under_way_ask_others_to_wait_a_moment_only)                   \
    T(no_flood_of_other_names_resets_an_account_or_an_address)               \
    T(a_thousand_accounts_that_fail_do_not_lock_out_others)                  \
    T(an_address_counts_across_accounts_and_an_ipv6_one_as_its_net)          \
    T(an_address_may_fail_more_often_than_an_account)                        \
    T(a_new_limit_holds_at_once)
FS_SUITE("auth/limiter", TESTS)
