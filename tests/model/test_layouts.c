/* Moves of a v4 sale to another number of shards, searched state by state: what is right holds in every
 * state, and each mistake that the README names is found. */
#include "model/layouts.h"
#include "support/suite.h"

#define SOLD FS_LAYOUTS_SOLD
#define OPENER(shards)            \
    {                             \
        FS_LAYOUTS_OPENER, shards \
    }
#define BUYER(order)            \
    {                           \
        FS_LAYOUTS_BUYER, order \
    }
#define CANCELLER(order)            \
    {                               \
        FS_LAYOUTS_CANCELLER, order \
    }
#define OTHER(kind)          \
    {                        \
        FS_LAYOUTS_##kind, 0 \
    }

static const struct fs_layouts_setup cancelled = {
    .name = "2 shards to 1, an order is cancelled, somebody takes marks away, a server dies",
    .shard_count = 2,
    .left = {1, 1},
    .orders = {SOLD, SOLD},
    .process_count = 3,
    .processes = {OPENER(1), CANCELLER(0), OTHER(INNOCENT)},
    .crashes = 1,
    .leases = 1,
    .losses = 1,
};

static const struct fs_layouts_setup answers_lost = {
    .name = "2 shards to 1, an order is cancelled and another bought, two answers are lost",
    .shard_count = 2,
    .left = {1, 1},
    .orders = {SOLD},
    .process_count = 3,
    .processes = {OPENER(1), CANCELLER(0), BUYER(1)},
    .losses = 2,
    .crashes = 1,
    .leases = 1,
};

static const struct fs_layouts_setup rivals = {
    .name = "2 shards to 1 by two servers, of which one may die, and an order is cancelled",
    .shard_count = 2,
    .left = {1, 0},
    .orders = {SOLD, SOLD},
    .process_count = 3,
    .processes = {OPENER(1), OPENER(1), CANCELLER(1)},
    .crashes = 1,
    .leases = 1,
};

static const struct fs_layouts_setup others = {
    .name = "1 shard to 2 by one server, another opens it as it is; an order is bought and one "
            "cancelled",
    .shard_count = 1,
    .left = {2},
    .orders = {SOLD},
    .process_count = 4,
    .processes = {OPENER(2), OPENER(1), BUYER(1), CANCELLER(0)},
    .leases = 1,
    .crashes = 1,
};

static const struct fs_layouts_setup restocked = {
    .name = "2 shards to 1, a restock and a creation come late",
    .shard_count = 2,
    .left = {1, 1},
    .orders = {SOLD},
    .process_count = 3,
    .processes = {OPENER(1), OTHER(RESTOCKER), OTHER(CREATOR)},
    .losses = 1,
    .crashes = 1,
    .leases = 1,
};

static const struct fs_layouts_setup in_transit = {
    .name = "2 shards to 1, units are on their way, and two servers",
    .shard_count = 2,
    .left = {1, 1},
    .transit = 2,
    .orders = {SOLD},
    .process_count = 3,
    .processes = {OPENER(1), OTHER(PUTTER), OPENER(1)},
    .losses = 1,
    .crashes = 1,
    .leases = 1,
};

static const struct fs_layouts_setup half_closed = {
    .name = "2 shards to 1, the closing is half made, and an opening from before comes late",
    .shard_count = 2,
    .left = {1, 1},
    .orders = {SOLD},
    .is_half_closed = true,
    .is_opened_late = true,
    .process_count = 2,
    .processes = {OPENER(1), BUYER(1)},
    .losses = 2,
    .crashes = 1,
    .leases = 1,
};

static void check(const struct fs_layouts_setup *setup)
{
    struct fs_search_result result = fs_layouts_search(setup, true);

    printf("%s: %" PRIu64 " states, %" PRIu64 " moves, %" PRIu64 " ends, %u deep; ", setup->name,
           result.states, result.moves, result.ends, result.depth_max);
    FS_CHECK_STR(result.wrong ? result.wrong : "nothing is wrong", "nothing is wrong");
    FS_CHECK(result.ends > 0);
}

static void check_found(struct fs_layouts_setup setup, enum fs_layouts_mistake mistake,
                        const char *wrong)
{
    struct fs_search_result result;

    setup.mistake = mistake;
    result = fs_layouts_search(&setup, getenv("FS_LOUD") != NULL);
    printf("%u deep; ", result.depth_max);
    FS_CHECK_CONTAINS(result.wrong ? result.wrong : "nothing is wrong", wrong);
}

static void a_move_loses_no_cancel_whoever_dies(void)
{
    check(&cancelled);
}

static void a_move_loses_nothing_when_answers_are_lost(void)
{
    check(&answers_lost);
}

static void of_two_that_move_a_sale_one_does(void)
{
    check(&rivals);
    check(&others);
}

static void a_change_that_comes_late_makes_nothing_of_shards_that_are_gone(void)
{
    check(&restocked);
    check(&half_closed);
}

static void units_in_transit_are_moved_with_the_sale(void)
{
    check(&in_transit);
}

static void sums_from_before_the_marks_are_found(void)
{
    check_found(cancelled, FS_LAYOUTS_READS_ONCE, "units were lost");
}

static void a_mark_that_anybody_takes_away_is_found(void)
{
    check_found(cancelled, FS_LAYOUTS_UNMARKS_ANY, "shards are changed that do not count");
}

static void shards_that_are_removed_before_the_flip_are_found(void)
{
    check_found(cancelled, FS_LAYOUTS_CLEARS_FIRST, "a shard that counts is gone");
}

static void copies_that_are_not_compared_are_found(void)
{
    check_found(answers_lost, FS_LAYOUTS_COPIES_BLINDLY, "an order is lost");
}

static void a_flip_by_who_was_given_up_is_found(void)
{
    check_found(rivals, FS_LAYOUTS_FLIPS_LATE, "");
}

static void a_number_that_is_used_twice_is_found(void)
{
    check_found(rivals, FS_LAYOUTS_REUSES_NUMBERS, "nobody can open the sale any more");
}

static void a_decision_on_a_marked_shard_is_found(void)
{
    check_found(cancelled, FS_LAYOUTS_DECIDES_MARKED, "shards are changed that do not count");
}

static void a_change_of_a_marked_shard_is_found(void)
{
    check_found(restocked, FS_LAYOUTS_CHANGES_MARKED, "shards are changed that do not count");
}

static void a_sale_made_where_one_was_removed_is_found(void)
{
    check_found(restocked, FS_LAYOUTS_LEAVES_NO_MARK, "shards are changed that do not count");
}

static void a_shard_told_of_a_change_where_one_was_removed_is_found(void)
{
    check_found(half_closed, FS_LAYOUTS_LEAVES_ONE_MARK, "shards are changed that do not count");
}

#define TESTS(T)                                                      \
    T(a_move_loses_no_cancel_whoever_dies)                            \
    T(a_move_loses_nothing_when_answers_are_lost)                     \
    T(of_two_that_move_a_sale_one_does)                               \
    T(a_change_that_comes_late_makes_nothing_of_shards_that_are_gone) \
    T(units_in_transit_are_moved_with_the_sale)                       \
    T(sums_from_before_the_marks_are_found)                           \
    T(a_mark_that_anybody_takes_away_is_found)                        \
    T(shards_that_are_removed_before_the_flip_are_found)              \
    T(copies_that_are_not_compared_are_found)                         \
    T(a_flip_by_who_was_given_up_is_found)                            \
    T(a_number_that_is_used_twice_is_found)                           \
    T(a_decision_on_a_marked_shard_is_found)                          \
    T(a_change_of_a_marked_shard_is_found)                            \
    T(a_sale_made_where_one_was_removed_is_found)                     \
    T(a_shard_told_of_a_change_where_one_was_removed_is_found)

FS_SUITE("model/layouts", TESTS)
