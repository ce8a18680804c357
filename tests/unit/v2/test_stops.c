/* Holders that are stopped past their lease cost a retry and never oversell; and the same test sees
 * an oversell where the fence is left out. */
#include "stops.h"

#include "strategy/loader.h"
#include "support/random.h"

const struct fs_strategy *flashsale_strategy_v2(void);

#define STOPS_DEFAULT 60u /* a third strike a holder */
#define STOPS_MUTANT 60u
#define LOST_MIN 20u  /* stops that cost a holder its lock */
#define PLAYS_MAX 10u /* most often the first oversells */

static unsigned stop_count(void)
{
    const char *given = getenv("FS_STOPS"); /* more by night */

    return given ? (unsigned)strtoul(given, NULL, 10) : STOPS_DEFAULT;
}

static void stop_holders(const char *mode)
{
    struct fs_random random = fs_random_start();
    struct stops_result result =
        stops_play(flashsale_strategy_v2(), mode, stop_count(), LOST_MIN, fs_random_u64(&random));

    printf("%u stops, %" PRIu64 " locks lost ", result.stop_count, result.locks_lost);
    FS_CHECK(result.locks_lost >= LOST_MIN); /* else too little was tried */
    FS_CHECK_INT(result.units_sold, STOPS_STOCK);
    FS_CHECK(result.answered <= result.units_sold);
    FS_CHECK(result.answered + result.undetermined >= result.units_sold);
}

static void fenced_holders_that_are_stopped_past_their_lease_sell_exactly(void)
{
    stop_holders("fenced");
}

static void textbook_holders_that_are_stopped_past_their_lease_sell_exactly(void)
{
    stop_holders("textbook");
}

static void without_the_fence_they_oversell(void)
{
    struct fs_random random = fs_random_start();
    struct fs_strategy_module module;
    char error[FS_LOADER_ERROR_SIZE];
    struct stops_result result = {0};

    FS_REQUIRE(fs_strategy_load(UNFENCED, ".", &module, error) == 0);
    for (unsigned i = 0; i < PLAYS_MAX && result.units_sold <= STOPS_STOCK; i++)
        result = stops_play(&module.strategy, "textbook", STOPS_MUTANT, 0, fs_random_u64(&random));
    fs_strategy_unload(&module);
    printf("%" PRId64 " of %d units sold ", result.units_sold, STOPS_STOCK);
    FS_CHECK(result.units_sold > STOPS_STOCK);
}

#define TESTS(T)                                                       \
    T(fenced_holders_that_are_stopped_past_their_lease_sell_exactly)   \
    T(textbook_holders_that_are_stopped_past_their_lease_sell_exactly) \
    T(without_the_fence_they_oversell)

FS_SUITE("v2/stops", TESTS)
