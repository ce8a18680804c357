/* Selling exactly what there is: never more, never less, whatever comes at once. */
#include "conformance/conformance.h"

#define IN_FLIGHT 64u
#define ASKED_MAX 10200u

static struct fs_request requests[ASKED_MAX];

/* A purchase of a buyer of its own by each request. */
static void set_purchase(size_t index, const char *product, uint32_t units)
{
    char buyer[32];
    char order[32];

    requests[index] = (struct fs_request){.loop = (unsigned)index};
    snprintf(buyer, sizeof(buyer), "buyer-%zu", index);
    snprintf(order, sizeof(order), "order%zu", index);
    fs_request_purchase(&requests[index], product, buyer, order, units);
}

static void sell_exactly(size_t stock, size_t asked)
{
    struct fs_tally result;

    REQUIRE_DONE(create("shoe", (int64_t)stock));
    for (size_t i = 0; i < asked; i++)
        set_purchase(i, "shoe", 1);
    run(requests, asked, IN_FLIGHT);
    result = tally(requests, asked);
    FS_CHECK_INT(result.sold, stock);
    FS_CHECK_INT(result.refused[FS_SOLD_OUT], asked - stock);
    check_units("shoe", 0, (int64_t)stock);
}

void of_0_units_exactly_0_are_sold(void)
{
    sell_exactly(0, 64);
}

void of_1_unit_exactly_1_is_sold(void)
{
    sell_exactly(1, 256);
}

void of_2_units_exactly_2_are_sold(void)
{
    sell_exactly(2, 256);
}

void of_100_units_exactly_100_are_sold(void)
{
    sell_exactly(100, 1000);
}

void of_10000_units_exactly_10000_are_sold(void)
{
    sell_exactly(10000, 10200);
}

void units_left_are_told_after_each_decision(void)
{
    struct fs_request sold;

    REQUIRE_DONE(create("shoe", 10));
    sold = buy("shoe", "ann", "o1", 3);
    FS_CHECK(sold.outcome.units_left == 7 || sold.outcome.units_left == -1);
    sold = buy("shoe", "bob", "o2", 7);
    FS_CHECK(sold.outcome.units_left == 0 || sold.outcome.units_left == -1);
    sold = buy("shoe", "cyd", "o3", 1);
    CHECK_VERDICT(sold, FS_SOLD_OUT);
    FS_CHECK(sold.outcome.units_left == 0 || sold.outcome.units_left == -1);
}

/* The model: what a sale is, in one process and with one request at a time. */

#define MODEL_BUYERS 6u
#define MODEL_SHARE 9
#define MODEL_PER_ORDER 4u
#define MODEL_STEPS 800u

struct model_order {
    uint64_t buyer;
    uint32_t units;
    bool is_cancelled;
    struct fs_outcome outcome;
};

struct model {
    int64_t left;
    int64_t sold;
    int64_t shares[MODEL_BUYERS];
    struct model_order orders[MODEL_STEPS];
    size_t order_count;
    size_t attempt_count;
};

static void buyer_name(char name[16], uint64_t buyer)
{
    snprintf(name, 16, "buyer-%" PRIu64, buyer);
}

static void model_buy(struct model *model)
{
    uint64_t buyer = random_below(MODEL_BUYERS);
    uint32_t units = 1 + (uint32_t)random_below(MODEL_PER_ORDER + 1);
    char name[16];
    char order[24];
    struct fs_request bought;

    buyer_name(name, buyer);
    snprintf(order, sizeof(order), "o%zu", model->order_count);
    bought = buy("shoe", name, order, units);
    if (units > MODEL_PER_ORDER) {
        CHECK_VERDICT(bought, FS_TOO_MANY);
    } else if (model->shares[buyer] + units > MODEL_SHARE || units > model->left) {
        bool both = model->shares[buyer] + units > MODEL_SHARE && units > model->left;

        if (!both || bought.outcome.verdict != FS_SOLD_OUT)
            CHECK_VERDICT(bought, units > model->left && !both ? FS_SOLD_OUT : FS_LIMIT_REACHED);
    } else {
        CHECK_VERDICT(bought, FS_DONE);
        FS_CHECK(!bought.outcome.replayed);
        model->left -= units;
        model->sold += units;
        model->shares[buyer] += units;
        model->orders[model->order_count++] =
            (struct model_order){.buyer = buyer, .units = units, .outcome = bought.outcome};
    }
}

static void model_replay(struct model *model)
{
    size_t index = (size_t)random_below(model->order_count);
    const struct model_order *made = &model->orders[index];
    char name[16];
    char order[24];
    struct fs_request again;

    buyer_name(name, made->buyer);
    snprintf(order, sizeof(order), "o%zu", index);
    again = buy("shoe", name, order, made->units);
    CHECK_VERDICT(again, FS_DONE);
    FS_CHECK(again.outcome.replayed);
    FS_CHECK_INT(again.outcome.units_left, made->outcome.units_left);
    FS_CHECK_INT(again.outcome.sequence, made->outcome.sequence);
}

static void model_cancel(struct model *model)
{
    size_t index = (size_t)random_below(model->order_count);
    struct model_order *made = &model->orders[index];
    char name[16];
    char order[24];
    struct fs_request cancelled;

    buyer_name(name, made->buyer);
    snprintf(order, sizeof(order), "o%zu", index);
    cancelled = cancel("shoe", name, order);
    CHECK_VERDICT(cancelled, FS_DONE);
    FS_CHECK_INT(cancelled.outcome.replayed, made->is_cancelled);
    if (made->is_cancelled)
        return;
    made->is_cancelled = true;
    model->left += made->units;
    model->sold -= made->units;
    model->shares[made->buyer] -= made->units;
}

void one_request_at_a_time_agrees_with_a_model(void)
{
    static struct model model;

    model = (struct model){.left = 40};
    REQUIRE_DONE(create_limited("shoe", model.left, MODEL_SHARE, MODEL_PER_ORDER));
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        uint64_t dice = random_below(100);

        if (dice < 50 || model.order_count == 0) {
            model_buy(&model);
        } else if (dice < 70) {
            model_cancel(&model);
        } else if (dice < 85) {
            model_replay(&model);
        } else if (dice < 88) {
            REQUIRE_DONE(restock("shoe", 3));
            model.left += 3;
        } else {
            check_units("shoe", model.left, model.sold);
        }
    }
    check_units("shoe", model.left, model.sold);
}

/* Of purchases alone units only become fewer.  So when a request ended, no more can have been taken
 * than by those that had begun until then: what that leaves was there all the time. */
static int64_t left_at_least(size_t request_count, int64_t stock, uint64_t until_us)
{
    int64_t left = stock;

    for (size_t i = 0; i < request_count; i++)
        if (requests[i].outcome.verdict == FS_DONE && requests[i].asked_at_us <= until_us)
            left -= requests[i].units;
    return left;
}

static size_t wrong_refusals(size_t request_count, int64_t stock)
{
    size_t wrong = 0;

    for (size_t i = 0; i < request_count; i++)
        if (requests[i].outcome.verdict == FS_SOLD_OUT &&
            left_at_least(request_count, stock, requests[i].ended_at_us) >= requests[i].units)
            wrong++;
    return wrong;
}

void no_purchase_is_refused_while_enough_is_left(void)
{
    struct fs_tally result;

    for (unsigned round = 0; round < 4; round++) {
        char product[16];
        int64_t stock = 200 + (int64_t)random_below(800);
        size_t asked = (size_t)stock;

        snprintf(product, sizeof(product), "shoe-%u", round);
        REQUIRE_DONE(create(product, stock));
        for (size_t i = 0; i < asked; i++) {
            set_purchase(i, product, 1 + (uint32_t)random_below(3));
            snprintf(requests[i].order, sizeof(requests[i].order), "r%uo%zu", round, i);
        }
        run(requests, asked, IN_FLIGHT);
        result = tally(requests, asked);
        FS_CHECK_INT(result.sold + result.refused[FS_SOLD_OUT], asked);
        FS_CHECK_INT(wrong_refusals(asked, stock), 0);
        check_units(product, stock - result.units_sold, result.units_sold);
    }
}

void the_last_units_are_sold_one_by_one(void)
{
    const int64_t stock = 601;
    const size_t mixed = 400;
    int64_t units_sold;

    REQUIRE_DONE(create("shoe", stock));
    for (size_t i = 0; i < mixed; i++)
        set_purchase(i, "shoe", 1 + (uint32_t)random_below(3));
    run(requests, mixed, IN_FLIGHT);
    units_sold = tally(requests, mixed).units_sold;
    for (size_t i = 0; i < mixed; i++)
        set_purchase(mixed + i, "shoe", 1);
    run(requests + mixed, mixed, IN_FLIGHT);
    units_sold += tally(requests + mixed, mixed).units_sold;
    FS_CHECK_INT(units_sold, stock);
    check_units("shoe", 0, stock);
}

void all_units_that_are_left_can_be_bought_at_once(void)
{
    REQUIRE_DONE(create("shoe", 7));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    CHECK_VERDICT(buy("shoe", "bob", "o2", 6), FS_SOLD_OUT);
    REQUIRE_DONE(buy("shoe", "bob", "o3", 5));
    CHECK_VERDICT(buy("shoe", "cyd", "o4", 1), FS_SOLD_OUT);
    check_units("shoe", 0, 7);
}

void units_are_conserved_whenever_they_are_counted(void)
{
    const size_t asked = 3000;
    size_t counts = 0;

    REQUIRE_DONE(create("shoe", 500));
    for (size_t i = 0; i < asked; i++) {
        set_purchase(i, "shoe", 1 + (uint32_t)random_below(3));
        if (i % 5 == 3)
            fs_request_read(&requests[i], FS_OP_COUNT, "shoe");
        else if (i % 5 == 4)
            fs_request_ref(&requests[i], FS_OP_CANCEL, "shoe", requests[i - 3].buyer,
                           requests[i - 3].order);
    }
    run(requests, asked, IN_FLIGHT);
    for (size_t i = 0; i < asked; i++) {
        if (requests[i].kind != FS_OP_COUNT)
            continue;
        counts++;
        check_conserved(&requests[i].sale);
        FS_CHECK_INT(requests[i].sale.units_initial, 500);
    }
    FS_CHECK_INT(counts, asked / 5);
}

void restocked_units_are_sold_exactly(void)
{
    const size_t asked = 2000;
    struct fs_tally result;
    int64_t restocked = 0;

    REQUIRE_DONE(create("shoe", 300));
    for (size_t i = 0; i < asked; i++) {
        set_purchase(i, "shoe", 1);
        if (i % 100 == 50) {
            fs_request_change(&requests[i], FS_CHANGE_UPDATE, "shoe", 30);
            requests[i].units = 0;
            requests[i].order[0] = '\0';
            restocked += 30;
        }
    }
    run(requests, asked, IN_FLIGHT);
    result = tally(requests, asked);
    for (size_t i = 0; i < 1000; i++) {
        set_purchase(i, "shoe", 1);
        snprintf(requests[i].order, sizeof(requests[i].order), "again%zu", i);
    }
    run(requests, 1000, IN_FLIGHT);
    FS_CHECK_INT(result.units_sold + tally(requests, 1000).units_sold, 300 + restocked);
    check_units("shoe", 0, 300 + restocked);
}

void sales_do_not_touch_each_other(void)
{
    const size_t asked = 1000;
    struct fs_tally result;

    REQUIRE_DONE(create("shoe", 50));
    REQUIRE_DONE(create("sock", 70));
    for (size_t i = 0; i < asked; i++)
        set_purchase(i, random_below(2) ? "shoe" : "sock", 1);
    run(requests, asked, IN_FLIGHT);
    result = tally(requests, asked);
    FS_CHECK_INT(result.sold, 120);
    check_units("shoe", 0, 50);
    check_units("sock", 0, 70);
}
