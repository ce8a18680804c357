/* v4's protocol, searched state by state: what is right holds in every state, and each mistake that
 * the README names is found. */
#include "model/model.h"
#include "support/suite.h"

#define BUY(order)          \
    {                       \
        FS_MODEL_BUY, order \
    }
#define CANCEL(order)          \
    {                          \
        FS_MODEL_CANCEL, order \
    }
#define RESET             \
    {                     \
        FS_MODEL_RESET, 0 \
    }

/* Orders are {home, buyer, units}. */
static const struct fs_model_setup one_each = {
    .name = "2 shards, 2 units, one asks for 1 and one for 2",
    .shard_count = 2,
    .units = {2},
    .order_count = 2,
    .orders = {{0, 0, 1}, {1, 1, 2}},
    .attempt_count = 2,
    .attempts = {BUY(0), BUY(1)},
    .losses = 2,
    .crashes = 1,
    .copies = 2,
};

static const struct fs_model_setup fragments = {
    .name = "3 shards with one unit each, two ask for 2",
    .shard_count = 3,
    .units = {3},
    .order_count = 2,
    .orders = {{1, 0, 2}, {2, 1, 2}},
    .attempt_count = 2,
    .attempts = {BUY(0), BUY(1)},
    .losses = 1,
    .crashes = 1,
    .copies = 1,
};

static const struct fs_model_setup rivals = {
    .name = "3 shards with one unit each, two ask for 2 and one for 1",
    .shard_count = 3,
    .units = {3},
    .order_count = 3,
    .orders = {{1, 0, 2}, {2, 1, 2}, {0, 2, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), BUY(2)},
};

static const struct fs_model_setup same_home = {
    .name = "2 shards, 3 units, two ask for 2 at one home and one for 1 elsewhere",
    .shard_count = 2,
    .units = {3},
    .order_count = 3,
    .orders = {{1, 0, 2}, {1, 1, 2}, {0, 2, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), BUY(2)},
    .losses = 1,
    .copies = 1,
};

static const struct fs_model_setup returned = {
    .name = "2 shards, 1 unit, two ask for it and one gives it back",
    .shard_count = 2,
    .units = {1},
    .order_count = 2,
    .orders = {{0, 0, 1}, {1, 1, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), CANCEL(0)},
    .is_warm = true,
    .losses = 1,
    .crashes = 1,
    .copies = 1,
};

static const struct fs_model_setup returned_late = {
    .name = "2 shards, 1 unit, two ask for it at one home and one gives it back",
    .shard_count = 2,
    .units = {1},
    .order_count = 2,
    .orders = {{0, 0, 1}, {0, 1, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), CANCEL(0)},
    .losses = 1,
    .copies = 1,
};

static const struct fs_model_setup twice = {
    .name = "2 shards, 2 units, one order sent twice and another",
    .shard_count = 2,
    .units = {2},
    .order_count = 2,
    .orders = {{1, 0, 2}, {0, 1, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(0), BUY(1)},
    .losses = 1,
    .copies = 1,
};

static const struct fs_model_setup twice_and_a_death = {
    .name = "2 shards, 2 units, one order sent twice and another, a server dies",
    .shard_count = 2,
    .units = {2},
    .order_count = 2,
    .orders = {{1, 0, 2}, {0, 1, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(0), BUY(1)},
    .crashes = 1,
    .copies = 2,
};

static const struct fs_model_setup limited = {
    .name = "2 shards, 3 units, two orders of a buyer who may have one, and another",
    .shard_count = 2,
    .units = {3},
    .order_count = 3,
    .orders = {{1, 0, 2}, {1, 0, 2}, {0, 1, 2}},
    .units_per_buyer_max = 2,
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), BUY(2)},
    .crashes = 1,
    .copies = 1,
};

static const struct fs_model_setup reset_and_a_death = {
    .name = "2 shards, 2 units then 1, two buyers and a reset, a server dies",
    .shard_count = 2,
    .units = {2, 1},
    .order_count = 2,
    .orders = {{1, 0, 2}, {0, 1, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), RESET},
    .crashes = 1,
    .copies = 1,
};

static const struct fs_model_setup reset_and_a_loss = {
    .name = "2 shards, 2 units then 2, two ask for 2 and a reset, an answer is lost",
    .shard_count = 2,
    .units = {2, 2},
    .order_count = 2,
    .orders = {{1, 0, 2}, {0, 1, 2}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), RESET},
    .losses = 1,
    .copies = 1,
};

static const struct fs_model_setup bulk = {
    .name = "2 shards, 4 units, a home takes more than it needs",
    .shard_count = 2,
    .units = {4},
    .order_count = 3,
    .orders = {{1, 0, 2}, {1, 1, 1}, {1, 2, 1}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), BUY(2)},
    .is_bulk = true,
    .losses = 1,
    .copies = 1,
};

static const struct fs_model_setup none = {
    .name = "3 shards without units",
    .shard_count = 3,
    .units = {0},
    .order_count = 2,
    .orders = {{1, 0, 1}, {2, 1, 2}},
    .attempt_count = 2,
    .attempts = {BUY(0), BUY(1)},
    .losses = 1,
    .crashes = 1,
    .copies = 1,
};

static const struct fs_model_setup four = {
    .name = "3 shards, 4 units, two ask for 2 and one gives them back",
    .shard_count = 3,
    .units = {4},
    .order_count = 2,
    .orders = {{1, 0, 2}, {2, 1, 2}},
    .attempt_count = 3,
    .attempts = {BUY(0), BUY(1), CANCEL(0)},
    .is_warm = true,
    .losses = 1,
    .copies = 1,
};

static void check(const struct fs_model_setup *setup)
{
    struct fs_search_result result = fs_model_search(setup, true);

    printf("%s: %" PRIu64 " states, %" PRIu64 " moves, %" PRIu64 " ends, %u deep; ", setup->name,
           result.states, result.moves, result.ends, result.depth_max);
    FS_CHECK_STR(result.wrong ? result.wrong : "nothing is wrong", "nothing is wrong");
    FS_CHECK(result.ends > 0);
}

static void check_found(struct fs_model_setup setup, enum fs_model_mistake mistake,
                        const char *wrong)
{
    struct fs_search_result result;

    setup.mistake = mistake;
    result = fs_model_search(&setup, false);
    printf("%u deep; ", result.depth_max);
    FS_CHECK_CONTAINS(result.wrong ? result.wrong : "nothing is wrong", wrong);
}

static void lost_answers_and_deaths_make_and_lose_no_unit(void)
{
    check(&one_each);
    check(&fragments);
}

static void two_homes_never_take_units_from_each_other_for_ever(void)
{
    check(&rivals);
    check(&same_home);
}

static void units_that_are_given_back_can_be_bought(void)
{
    check(&returned);
    check(&returned_late);
    check(&four);
}

static void an_order_that_is_sent_twice_is_decided_once(void)
{
    check(&twice);
    check(&twice_and_a_death);
}

static void units_brought_for_a_buyer_at_the_limit_are_left_for_others(void)
{
    check(&limited);
}

static void a_reset_voids_what_is_under_way(void)
{
    check(&reset_and_a_death);
    check(&reset_and_a_loss);
}

static void a_home_that_takes_more_than_it_needs_is_exact(void)
{
    check(&bulk);
}

static void where_nothing_is_left_everybody_is_refused(void)
{
    check(&none);
}

static void a_put_that_credits_twice_is_found(void)
{
    check_found(one_each, FS_MODEL_CREDITS_TWICE, "units were made");
}

static void a_transfer_that_is_forgotten_first_is_found(void)
{
    check_found(one_each, FS_MODEL_FORGETS_FIRST, "units were lost");
}

static void a_refusal_after_one_read_is_found(void)
{
    check_found(rivals, FS_MODEL_READS_ONCE, "refused as sold out, and enough was available");
}

static void a_read_without_transit_is_found(void)
{
    check_found(one_each, FS_MODEL_COUNTS_NO_TRANSIT, "refused as sold out, and enough");
}

static void a_put_that_raises_no_sequence_is_found(void)
{
    check_found(reset_and_a_loss, FS_MODEL_PUTS_SILENTLY, "refused as sold out, and enough");
}

static void a_refusal_that_did_not_ask_home_between_its_reads_is_found(void)
{
    check_found(one_each, FS_MODEL_ASKS_NOT_BETWEEN, "refused as sold out, and it is sold");
}

static void gathering_at_home_is_found_to_run_for_ever(void)
{
    check_found(rivals, FS_MODEL_GATHERS_AT_HOME, "a run that never ends");
}

static void refusing_what_no_shard_can_pay_alone_is_found(void)
{
    check_found(fragments, FS_MODEL_REFUSES_FRAGMENTS, "refused as sold out, and enough");
}

static void a_transfer_for_nobody_is_found_to_run_for_ever(void)
{
    check_found(fragments, FS_MODEL_TAKES_FOR_NOBODY, "a run that never ends");
}

static void a_put_of_an_old_epoch_is_found(void)
{
    check_found(reset_and_a_death, FS_MODEL_PUTS_ANY_EPOCH, "units were made");
}

static void a_command_without_a_fence_is_found(void)
{
    check_found(returned_late, FS_MODEL_HAS_NO_FENCE, "sold after it was refused");
}

#define TESTS(T)                                                  \
    T(lost_answers_and_deaths_make_and_lose_no_unit)              \
    T(two_homes_never_take_units_from_each_other_for_ever)        \
    T(units_that_are_given_back_can_be_bought)                    \
    T(an_order_that_is_sent_twice_is_decided_once)                \
    T(units_brought_for_a_buyer_at_the_limit_are_left_for_others) \
    T(a_reset_voids_what_is_under_way)                            \
    T(a_home_that_takes_more_than_it_needs_is_exact)              \
    T(where_nothing_is_left_everybody_is_refused)                 \
    T(a_put_that_credits_twice_is_found)                          \
    T(a_transfer_that_is_forgotten_first_is_found)                \
    T(a_refusal_after_one_read_is_found)                          \
    T(a_read_without_transit_is_found)                            \
    T(a_put_that_raises_no_sequence_is_found)                     \
    T(a_refusal_that_did_not_ask_home_between_its_reads_is_found) \
    T(gathering_at_home_is_found_to_run_for_ever)                 \
    T(refusing_what_no_shard_can_pay_alone_is_found)              \
    T(a_transfer_for_nobody_is_found_to_run_for_ever)             \
    T(a_put_of_an_old_epoch_is_found)                             \
    T(a_command_without_a_fence_is_found)

FS_SUITE("model/v4", TESTS)
