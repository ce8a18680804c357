/* The rules of strategies.md and strategy.h as tests, run on any strategy through the loader.
 *
 * Each test has a server of its own: a fresh folder, the strategy opened, as many loops as asked
 * for.  After each test every sale is audited.  A test is written as a function and named in
 * FS_CONFORMANCE_TESTS; one that is not named there has no declaration and does not compile. */
#ifndef FS_TESTS_CONFORMANCE_H
#define FS_TESTS_CONFORMANCE_H

#include "support/driver.h"
#include "support/suite.h"

/* Sales: changes.c */
#define FS_CONFORMANCE_SALES(T)                      \
    T(a_product_that_was_not_created_is_unknown)     \
    T(a_created_sale_is_told_as_it_was_created)      \
    T(a_new_sale_has_no_limits_and_is_open)          \
    T(creating_a_sale_that_is_there_changes_nothing) \
    T(an_update_changes_only_what_it_names)          \
    T(a_restock_adds_units)                          \
    T(the_same_change_is_made_once)                  \
    T(the_name_of_a_change_is_not_used_for_another)  \
    T(a_reset_creates_a_sale_that_is_not_there)      \
    T(a_reset_starts_a_new_epoch_with_its_own_units) \
    T(a_reset_gives_each_buyer_a_new_share)          \
    T(sales_are_listed_in_the_order_of_their_ids)    \
    T(the_longest_texts_are_kept_whole)

/* Selling: selling.c */
#define FS_CONFORMANCE_SELLING(T)                    \
    T(of_0_units_exactly_0_are_sold)                 \
    T(of_1_unit_exactly_1_is_sold)                   \
    T(of_2_units_exactly_2_are_sold)                 \
    T(of_100_units_exactly_100_are_sold)             \
    T(of_10000_units_exactly_10000_are_sold)         \
    T(units_left_are_told_after_each_decision)       \
    T(one_request_at_a_time_agrees_with_a_model)     \
    T(no_purchase_is_refused_while_enough_is_left)   \
    T(the_last_units_are_sold_one_by_one)            \
    T(all_units_that_are_left_can_be_bought_at_once) \
    T(units_are_conserved_whenever_they_are_counted) \
    T(restocked_units_are_sold_exactly)              \
    T(sales_do_not_touch_each_other)

/* What a sale allows: limits.c */
#define FS_CONFORMANCE_LIMITS(T)                         \
    T(a_buyer_gets_exactly_their_share)                  \
    T(a_buyer_who_asks_at_once_gets_exactly_their_share) \
    T(the_share_of_one_buyer_is_not_anothers)            \
    T(a_changed_share_applies_at_once)                   \
    T(an_order_above_the_units_per_order_is_too_many)    \
    T(a_paused_sale_sells_nothing)                       \
    T(a_closed_sale_sells_nothing)                       \
    T(a_sale_opens_by_its_window)                        \
    T(a_sale_closes_by_its_window)

/* Orders: orders.c */
#define FS_CONFORMANCE_ORDERS(T)                              \
    T(the_same_order_at_once_is_one_sale)                     \
    T(a_replay_answers_the_first_decision)                    \
    T(a_replay_is_answered_when_nothing_is_sold_any_more)     \
    T(an_order_for_other_units_is_refused)                    \
    T(an_order_for_another_product_is_refused)                \
    T(an_order_of_another_buyer_is_refused)                   \
    T(a_refusal_is_not_remembered)                            \
    T(a_lookup_tells_the_order)                               \
    T(an_order_is_unknown_to_another_buyer)                   \
    T(a_cancelled_order_gives_its_units_back)                 \
    T(a_cancelled_order_gives_its_share_back)                 \
    T(an_order_cancelled_at_once_is_cancelled_once)           \
    T(a_cancelled_order_is_not_sold_again)                    \
    T(an_order_of_an_earlier_epoch_is_kept_but_not_cancelled) \
    T(each_record_raises_the_sequence_by_one)                 \
    T(each_decision_has_a_sequence_of_its_own)

/* The server's side: serving.c */
#define FS_CONFORMANCE_SERVING(T)                      \
    T(an_abandoned_purchase_is_decided_all_the_same)   \
    T(what_was_not_answered_in_time_is_told_by_lookup) \
    T(a_probe_answers)                                 \
    T(the_durability_class_has_a_name)                 \
    T(an_unknown_option_is_refused)                    \
    T(two_servers_in_one_process_do_not_meet)          \
    T(two_servers_on_one_store_sell_exactly)           \
    T(a_restart_keeps_what_the_class_promises)         \
    T(a_restart_keeps_thousands_of_orders)

#define FS_CONFORMANCE_TESTS(T) \
    FS_CONFORMANCE_SALES(T)     \
    FS_CONFORMANCE_SELLING(T)   \
    FS_CONFORMANCE_LIMITS(T)    \
    FS_CONFORMANCE_ORDERS(T)    \
    FS_CONFORMANCE_SERVING(T)

#define FS_CONFORMANCE_DECLARE(name) void name(void);
FS_CONFORMANCE_TESTS(FS_CONFORMANCE_DECLARE)

/* What the command line says. */
struct fs_conformance_settings {
    const struct fs_strategy *strategy;
    const struct fs_option *option_list;
    size_t option_count;
    unsigned loop_count;
    bool is_sharded; /* each shard of a sale has a sequence of its own; the sale's is their sum */
    bool is_apart;   /* and a buyer's shards of two sales may be on different nodes */
    uint64_t seed;
    const struct fs_driver_store *store;        /* NULL: none */
    const struct fs_driver_store *second_store; /* the same store, for a second server */
    void (*empty_store)(void);                  /* before each test; NULL: nothing to empty */
};

/* Before and after each test. */
void fs_conformance_configure(const struct fs_conformance_settings *settings);
void fs_conformance_set_up(void);
void fs_conformance_tear_down(void);

const struct fs_conformance_settings *fs_conformance_settings(void);

/* The running server, and a restart of it on the same folder; with another deadline. */
struct fs_driver *server(void);
void restart(uint64_t deadline_span_us);

/* A second server in a folder of its own, on the same store where there is one; to be closed by the
 * test. */
void open_second(struct fs_driver *driver);
void close_second(struct fs_driver *driver);

#define FS_CONFORMANCE_DEADLINE_US UINT64_C(10000000)

/* Random numbers from the seed: the same on every run. */
uint64_t random_below(uint64_t bound);

/* Requests: each asks on the loop after the last one's, and gives the answer. */
struct fs_request buy(const char *product, const char *buyer, const char *order, uint32_t units);
struct fs_request cancel(const char *product, const char *buyer, const char *order);
struct fs_request lookup(const char *product, const char *buyer, const char *order);
struct fs_request count(const char *product);
struct fs_request create(const char *product, int64_t units);
struct fs_request create_limited(const char *product, int64_t units, int64_t per_buyer_max,
                                 int64_t per_order_max);
struct fs_request restock(const char *product, int64_t units);
struct fs_request set_state(const char *product, enum fs_sale_state state);
struct fs_request reset(const char *product, int64_t units);
struct fs_request ask(struct fs_request request);

/* All at once over all loops, at most in_flight_max on each; checks that each ended once. */
void run(struct fs_request *requests, size_t request_count, size_t in_flight_max);

/* Fails the test, naming expression, where verdicts differ. */
#define CHECK_VERDICT(request, expected) \
    check_verdict((request).outcome, (expected), #request, __LINE__, __FILE__)
#define REQUIRE_DONE(expression)                                                \
    do {                                                                        \
        struct fs_request done_ = (expression);                                 \
        check_verdict(done_.outcome, FS_DONE, #expression, __LINE__, __FILE__); \
        if (done_.outcome.verdict != FS_DONE)                                   \
            return;                                                             \
    } while (0)
void check_verdict(struct fs_outcome outcome, enum fs_verdict expected, const char *text,
                   unsigned line, const char *file);

/* Checks the terms of a counted sale. */
void check_units(const char *product, int64_t left, int64_t sold);

/* Whether the count is sound; checked and told. */
void check_conserved(const struct fs_sale_info *sale);

struct fs_tally {
    size_t sold; /* DONE and not replayed */
    size_t replayed;
    size_t refused[FS_VERDICT_COUNT];
    int64_t units_sold;
};
struct fs_tally tally(const struct fs_request *requests, size_t request_count);

int64_t wall_ms_now(void);
void sleep_ms(unsigned ms);

#endif
