/* Several loops at once, and the disk in between. */
#include "tiny_host.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "support/suite.h"

#define IN_FLIGHT 64u
#define REQUESTS 6000u

/* A loop in a thread of its own, with IN_FLIGHT buyers that each ask again when answered. */
struct crowd {
    struct fs_loop loop;
    pthread_t thread;
    struct fs_op ops[IN_FLIGHT];
    char orders[IN_FLIGHT][FS_ORDER_LEN_MAX];
    pthread_barrier_t *both_sell; /* neither is through before the other begins */
    uint64_t random;
    unsigned begun;
    unsigned sold, sold_out, replayed, other; /* answers */
};

static void begin(struct crowd *crowd, struct fs_op *op)
{
    size_t at = (size_t)(op - crowd->ops);
    unsigned number = (unsigned)(fs_tiny_random(&crowd->random) % (2 * REQUESTS));
    struct fs_purchase purchase = {.product = fs_tiny_text("1"), .units = 1 + number % 3};
    char buyer[16];

    /* The crowds draw from the same orders, so they meet in the middle of each other's batches. */
    snprintf(crowd->orders[at], sizeof(crowd->orders[at]), "order%u", number);
    snprintf(buyer, sizeof(buyer), "buyer%u", number % 100);
    purchase.buyer = fs_tiny_text(buyer);
    purchase.order = fs_tiny_text(crowd->orders[at]);
    fs_tiny_op_init(op, &crowd->loop);
    crowd->begun++;
    fs_v1_purchase(crowd->loop.worker, op, op->state, &purchase);
}

static void note(struct crowd *crowd, const struct fs_op *op)
{
    const struct fs_outcome *outcome = &op->outcome;

    if (outcome->verdict == FS_DONE && outcome->replayed) {
        crowd->replayed++;
    } else if (outcome->verdict == FS_DONE) {
        crowd->sold++;
    } else if (outcome->verdict == FS_SOLD_OUT) {
        crowd->sold_out++;
    } else {
        crowd->other++;
    }
}

static void *crowd_main(void *data)
{
    struct crowd *crowd = data;
    unsigned waiting = IN_FLIGHT;

    for (unsigned i = 0; i < IN_FLIGHT; i++)
        begin(crowd, &crowd->ops[i]);
    fs_tiny_turn(&crowd->loop, false);
    pthread_barrier_wait(crowd->both_sell);
    while (waiting > 0) {
        bool is_idle = true;

        for (unsigned i = 0; i < IN_FLIGHT; i++) {
            struct fs_op *op = &crowd->ops[i];

            if (!op->loop || !op->is_done)
                continue;
            is_idle = false;
            note(crowd, op);
            if (crowd->begun < REQUESTS) {
                begin(crowd, op);
            } else {
                op->loop = NULL;
                waiting--;
            }
        }
        if (waiting > 0)
            fs_tiny_turn(&crowd->loop, is_idle);
    }
    return NULL;
}

static void two_loops_sell_exactly_the_stock(const char *options)
{
    static struct crowd crowds[2];
    pthread_barrier_t both_sell;
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    struct fs_op op;
    uint64_t seed = fs_tiny_seed();
    char dir[128];
    int64_t left;

    fs_tiny_host_init(&host);
    fs_tiny_dir_create(dir);
    FS_REQUIRE(fs_tiny_open(&host, dir, options, NULL, &v1) == 0);
    memset(crowds, 0, sizeof(crowds));
    for (unsigned i = 0; i < 2; i++) {
        fs_tiny_loop_init(&crowds[i].loop, &host, v1);
        crowds[i].random = seed + i;
        crowds[i].both_sell = &both_sell;
    }
    fs_tiny_op_init(&op, &crowds[0].loop);
    fs_tiny_create(&op, "1", 4001);
    FS_REQUIRE(pthread_barrier_init(&both_sell, NULL, 2) == 0);
    for (unsigned i = 0; i < 2; i++)
        FS_REQUIRE(pthread_create(&crowds[i].thread, NULL, crowd_main, &crowds[i]) == 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(crowds[i].thread, NULL);
    pthread_barrier_destroy(&both_sell);
    FS_CHECK_INT(fs_tiny_audit(&op, "1"), FS_DONE);
    FS_CHECK(fs_tiny_is_sound(&op));
    left = fs_tiny_term(&op, "units_left");
    FS_CHECK(left == 0 || left == 1 || left == 2);
    FS_CHECK_INT(fs_tiny_term(&op, "orders_sold"), crowds[0].sold + crowds[1].sold);
    FS_CHECK(crowds[0].sold > 0 && crowds[1].sold > 0 && crowds[0].sold_out > 0);
    FS_CHECK(crowds[0].replayed + crowds[1].replayed > 0);
    FS_CHECK_INT(crowds[0].other + crowds[1].other, 0);
    for (int64_t i = 0; i < left; i++) {
        char order[16];

        snprintf(order, sizeof(order), "last%d", (int)i);
        FS_CHECK_INT(fs_tiny_buy(&op, "1", "ann", order, 1), FS_DONE);
    }
    FS_CHECK_INT(fs_tiny_buy(&op, "1", "ann", "toolate", 1), FS_SOLD_OUT);
    /* every attempt at the mutex is counted: purchases, and the ops of this function */
    FS_CHECK_INT(crowds[1].loop.acquired, REQUESTS);
    FS_CHECK(crowds[0].loop.contended + crowds[1].loop.contended <= 2 * REQUESTS);
    for (unsigned i = 0; i < 2; i++)
        fs_tiny_loop_dispose(&crowds[i].loop);
    fs_v1_close(v1);
    FS_CHECK_INT(fs_tiny_open(&host, dir, options, NULL, &v1), 0);
    fs_v1_close(v1);
    FS_CHECK_STR(host.errors, "");
    fs_tiny_dir_destroy(dir);
    fs_tiny_host_dispose(&host);
}

static void two_loops_sell_exactly_the_stock_through_the_journal(void)
{
    two_loops_sell_exactly_the_stock("segment_size=256KiB");
}

static void two_loops_sell_exactly_the_stock_in_memory(void)
{
    two_loops_sell_exactly_the_stock("durability=memory");
}

/* A disk whose sync waits until it is let go. */
struct slow_disk {
    struct fs_v1_files files;
    struct fs_v1_files system;
    _Atomic bool is_held;
};

static int held_sync(struct fs_v1_files *files, int fd, bool data_only)
{
    struct slow_disk *disk = (struct slow_disk *)files;

    while (atomic_load(&disk->is_held))
        usleep(1000);
    return disk->system.sync(&disk->system, fd, data_only);
}

/* One v1 on a slow disk, with two loops driven by this thread. */
struct slow_world {
    struct slow_disk disk;
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    struct fs_loop loops[2];
    struct fs_op op;
    char dir[128];
};

static void slow_world_open(struct slow_world *world, uint32_t ring_records)
{
    struct fs_v1_setup setup = {.files = &world->disk.files, .ring_records = ring_records};

    memset(world, 0, sizeof(*world));
    fs_v1_files_init(&world->disk.system);
    world->disk.files = world->disk.system;
    world->disk.files.sync = held_sync;
    fs_tiny_host_init(&world->host);
    fs_tiny_dir_create(world->dir);
    if (fs_tiny_open(&world->host, world->dir, "", &setup, &world->v1) != 0)
        abort();
    for (unsigned i = 0; i < 2; i++)
        fs_tiny_loop_init(&world->loops[i], &world->host, world->v1);
    fs_tiny_op_init(&world->op, &world->loops[0]);
    fs_tiny_create(&world->op, "1", 100);
    atomic_store(&world->disk.is_held, true);
}

static void slow_world_close(struct slow_world *world)
{
    for (unsigned i = 0; i < 2; i++)
        fs_tiny_loop_dispose(&world->loops[i]);
    fs_v1_close(world->v1);
    fs_tiny_dir_destroy(world->dir);
    fs_tiny_host_dispose(&world->host);
}

static void bring_units(struct fs_op *op, struct fs_loop *loop, const char *order, uint32_t units)
{
    struct fs_purchase purchase = {
        .product = fs_tiny_text("1"),
        .buyer = fs_tiny_text("ann"),
        .order = fs_tiny_text(order),
        .units = units,
    };

    fs_tiny_op_init(op, loop);
    fs_v1_purchase(loop->worker, op, op->state, &purchase);
}

static void bring(struct fs_op *op, struct fs_loop *loop, const char *order)
{
    bring_units(op, loop, order, 1);
}

static void a_full_ring_answers_busy_and_takes_nothing(void)
{
    struct slow_world world;
    struct fs_op ops[7];
    char order[16];

    slow_world_open(&world, 4);
    for (unsigned i = 0; i < 7; i++) {
        snprintf(order, sizeof(order), "order%u", i);
        bring(&ops[i], &world.loops[0], order);
        fs_v1_turn_end(world.loops[0].worker);
    }
    for (unsigned i = 0; i < 4; i++)
        FS_CHECK(!ops[i].is_done);
    for (unsigned i = 4; i < 7; i++) {
        FS_CHECK(ops[i].is_done);
        FS_CHECK_INT(ops[i].outcome.verdict, FS_BUSY);
    }
    FS_CHECK_INT(fs_tiny_count(&world.op, "1"), FS_DONE); /* reading goes on */
    FS_CHECK_INT(world.op.sales[0].units_left, 96);
    bring(&ops[4], &world.loops[0], "order0"); /* a replay needs no room, but waits */
    FS_CHECK(!ops[4].is_done);
    atomic_store(&world.disk.is_held, false);
    while (!ops[3].is_done || !ops[4].is_done)
        fs_tiny_turn(&world.loops[0], true);
    for (unsigned i = 0; i < 5; i++)
        FS_CHECK_INT(ops[i].outcome.verdict, FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(&world.op, "1", "ann", "order5", 1), FS_DONE);
    FS_CHECK(!world.op.outcome.replayed);
    fs_tiny_audit(&world.op, "1");
    FS_CHECK(fs_tiny_is_sound(&world.op));
    FS_CHECK_INT(fs_tiny_term(&world.op, "units_left"), 95);
    slow_world_close(&world);
}

static struct fs_order_ref ref_of_a(void)
{
    return (struct fs_order_ref){
        .product = fs_tiny_text("1"), .buyer = fs_tiny_text("ann"), .order = fs_tiny_text("a")};
}

static void a_replay_and_a_lookup_on_another_loop_wait_for_the_disk_too(void)
{
    struct slow_world world;
    struct fs_op first, again, lookup;
    struct fs_order_ref ref = ref_of_a();

    slow_world_open(&world, 64);
    bring(&first, &world.loops[0], "a");
    fs_v1_turn_end(world.loops[0].worker);
    bring(&again, &world.loops[1], "a");
    fs_tiny_op_init(&lookup, &world.loops[1]);
    fs_v1_lookup(world.loops[1].worker, &lookup, lookup.state, &ref);
    fs_v1_turn_end(world.loops[1].worker);
    usleep(20000);
    fs_tiny_turn(&world.loops[0], false);
    fs_tiny_turn(&world.loops[1], false);
    FS_CHECK(!first.is_done && !again.is_done && !lookup.is_done);
    atomic_store(&world.disk.is_held, false);
    while (!again.is_done || !lookup.is_done)
        fs_tiny_turn(&world.loops[1], true);
    while (!first.is_done)
        fs_tiny_turn(&world.loops[0], true);
    FS_CHECK(again.outcome.replayed && !first.outcome.replayed);
    FS_CHECK_INT(lookup.outcome.verdict, FS_DONE);
    slow_world_close(&world);
}

/* A refusal rests on what another loop has just decided.  Were it told before the disk has that, a
 * crash would turn "sold out" into an undersell. */
struct refusal {
    enum fs_verdict verdict;
    uint32_t units_first;         /* that loop 0 buys; 0: it makes the change instead */
    struct fs_sale_change change; /* without the product */
    uint32_t units;               /* that ann asks for on loop 1; 0: she cancels order a */
};

static void refuse_on_a_slow_disk(const struct refusal *refusal)
{
    struct slow_world world;
    struct fs_op first, refused;
    struct fs_order_ref a = ref_of_a();
    struct fs_sale_change change = refusal->change;

    slow_world_open(&world, 64);
    atomic_store(&world.disk.is_held, false);
    FS_CHECK_INT(fs_tiny_buy(&world.op, "1", "ann", "a", 1), FS_DONE);
    change.product = fs_tiny_text("1");
    if (refusal->units_first > 0) { /* the terms are on disk, the purchase is not */
        FS_CHECK_INT(fs_tiny_change(&world.op, &change), FS_DONE);
        atomic_store(&world.disk.is_held, true);
        bring_units(&first, &world.loops[0], "first", refusal->units_first);
    } else {
        atomic_store(&world.disk.is_held, true);
        fs_tiny_op_init(&first, &world.loops[0]);
        fs_v1_change(world.loops[0].worker, &first, first.state, &change);
    }
    fs_v1_turn_end(world.loops[0].worker);
    if (refusal->units > 0) {
        bring_units(&refused, &world.loops[1], "refused", refusal->units);
    } else {
        fs_tiny_op_init(&refused, &world.loops[1]);
        fs_v1_cancel(world.loops[1].worker, &refused, refused.state, &a);
    }
    fs_v1_turn_end(world.loops[1].worker);
    usleep(20000);
    fs_tiny_turn(&world.loops[1], false);
    FS_CHECK(!first.is_done && !refused.is_done);
    atomic_store(&world.disk.is_held, false);
    while (!first.is_done)
        fs_tiny_turn(&world.loops[0], true);
    while (!refused.is_done)
        fs_tiny_turn(&world.loops[1], true);
    FS_CHECK_INT(first.outcome.verdict, FS_DONE);
    FS_CHECK_INT(refused.outcome.verdict, refusal->verdict);
    slow_world_close(&world);
}

static void a_refusal_waits_until_what_it_rests_on_is_durable(void)
{
    struct refusal refusal = {.verdict = FS_SOLD_OUT, .units_first = 99, .units = 1};

    refusal.change = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");
    refuse_on_a_slow_disk(&refusal);
    refusal.verdict = FS_LIMIT_REACHED;
    refusal.units_first = 2;
    refusal.change.units_per_buyer_max = 3;
    refuse_on_a_slow_disk(&refusal);
    refusal.verdict = FS_TOO_MANY;
    refusal.units_first = 0;
    refusal.units = 2;
    refusal.change.units_per_order_max = 1;
    refuse_on_a_slow_disk(&refusal);
    refusal.verdict = FS_CLOSED;
    refusal.change.state = FS_SALE_PAUSED;
    refuse_on_a_slow_disk(&refusal);
    refusal.verdict = FS_NOT_CANCELLABLE;
    refusal.units = 0;
    refusal.change.kind = FS_CHANGE_RESET;
    refusal.change.units_reset = 5;
    refuse_on_a_slow_disk(&refusal);
}

static void a_refusal_that_a_crash_cannot_make_wrong_is_told_at_once(void)
{
    struct slow_world world;
    struct fs_op first, op;
    struct fs_order_ref other = ref_of_a();
    struct fs_purchase purchase = {.product = fs_tiny_text("2"),
                                   .buyer = fs_tiny_text("ann"),
                                   .order = fs_tiny_text("b"),
                                   .units = 1};

    slow_world_open(&world, 64);
    bring(&first, &world.loops[0], "a");
    fs_v1_turn_end(world.loops[0].worker);
    fs_tiny_op_init(&op, &world.loops[1]);
    fs_v1_purchase(world.loops[1].worker, &op, op.state, &purchase);
    FS_CHECK(op.is_done && op.outcome.verdict == FS_UNKNOWN);
    other.buyer = fs_tiny_text("bob"); /* of an order that is ann's */
    fs_tiny_op_init(&op, &world.loops[1]);
    fs_v1_cancel(world.loops[1].worker, &op, op.state, &other);
    FS_CHECK(op.is_done && op.outcome.verdict == FS_UNKNOWN);
    FS_CHECK(!first.is_done);
    atomic_store(&world.disk.is_held, false);
    while (!first.is_done)
        fs_tiny_turn(&world.loops[0], true);
    slow_world_close(&world);
}

static void a_batch_costs_each_loop_at_most_one_post(void)
{
    struct slow_world world;
    struct fs_op ops[40];
    char order[16];
    uint64_t posts, batches;

    slow_world_open(&world, 64);
    posts = world.loops[0].posts;
    batches = world.v1->journal.batches;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(order, sizeof(order), "order%u", i);
        bring(&ops[i], &world.loops[0], order);
        fs_v1_turn_end(world.loops[0].worker);
    }
    atomic_store(&world.disk.is_held, false);
    while (!ops[39].is_done)
        fs_tiny_turn(&world.loops[0], true);
    fs_tiny_loop_dispose(&world.loops[1]);
    fs_tiny_loop_dispose(&world.loops[0]);
    posts = world.loops[0].posts - posts;
    fs_v1_journal_stop(&world.v1->journal); /* so that its counter may be read */
    batches = world.v1->journal.batches - batches;
    FS_CHECK(posts <= batches);
    FS_CHECK(batches <= 3);
    world.v1->options.is_durable = false; /* the journal is closed already */
    fs_v1_compaction_stop(&world.v1->compaction);
    fs_v1_folder_close(&world.v1->folder);
    fs_v1_close(world.v1);
    fs_tiny_dir_destroy(world.dir);
    fs_tiny_host_dispose(&world.host);
}

#define TESTS(T)                                                   \
    T(two_loops_sell_exactly_the_stock_through_the_journal)        \
    T(two_loops_sell_exactly_the_stock_in_memory)                  \
    T(a_full_ring_answers_busy_and_takes_nothing)                  \
    T(a_replay_and_a_lookup_on_another_loop_wait_for_the_disk_too) \
    T(a_refusal_waits_until_what_it_rests_on_is_durable)           \
    T(a_refusal_that_a_crash_cannot_make_wrong_is_told_at_once)    \
    T(a_batch_costs_each_loop_at_most_one_post)
FS_SUITE("v1/threads", TESTS)
