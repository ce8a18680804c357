/* A restart comes to the state that was: random ops, restarts at random points, with segments so
 * small that snapshots are folded all the time. */
#include "tiny_host.h"

#include <time.h>

#include "support/suite.h"

#define PRODUCTS 4
#define BUYERS 12
#define ORDERS 6000

struct world {
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    struct fs_loop loop;
    struct fs_op op;
    char dir[128];
    uint64_t random;
};

static unsigned pick(struct world *world, unsigned count)
{
    return (unsigned)(fs_tiny_random(&world->random) % count);
}

static void start(struct world *world)
{
    int error = fs_tiny_open(&world->host, world->dir, "segment_size=64KiB orders_max=20000", NULL,
                             &world->v1);

    if (error) {
        fprintf(stderr, "open: %d %s\n", error, world->host.errors);
        abort();
    }
    fs_tiny_loop_init(&world->loop, &world->host, world->v1);
    fs_tiny_op_init(&world->op, &world->loop);
}

static void stop(struct world *world)
{
    fs_tiny_loop_dispose(&world->loop);
    fs_v1_close(world->v1);
}

static void change_something(struct world *world, const char *product)
{
    static const enum fs_change_kind kinds[] = {FS_CHANGE_CREATE, FS_CHANGE_RESET, FS_CHANGE_UPDATE,
                                                FS_CHANGE_UPDATE};
    struct fs_sale_change change = fs_tiny_nothing(kinds[pick(world, 4)], product);
    char name[32];

    snprintf(name, sizeof(name), "change%u", pick(world, 200));
    if (pick(world, 2))
        change.change = fs_tiny_text(name);
    if (change.kind != FS_CHANGE_UPDATE)
        change.units_reset = pick(world, 1000);
    else
        change.units_add = pick(world, 30);
    if (pick(world, 3) == 0)
        change.units_per_buyer_max = pick(world, 100);
    if (pick(world, 3) == 0)
        change.units_per_order_max = pick(world, 5);
    if (pick(world, 2) == 0)
        change.state = pick(world, 3) ? FS_SALE_OPEN : 1 + (int32_t)pick(world, 3);
    if (pick(world, 5) == 0)
        change.opens_at_ms = ((int64_t)time(NULL) + pick(world, 2) * 100) * 1000;
    fs_tiny_change(&world->op, &change);
}

static void do_something(struct world *world)
{
    char product[8], buyer[16], order[16];
    unsigned number = pick(world, ORDERS);

    snprintf(product, sizeof(product), "p%u", pick(world, PRODUCTS));
    snprintf(buyer, sizeof(buyer), "buyer%u", number % BUYERS);
    snprintf(order, sizeof(order), "order%u", number);
    switch (pick(world, 20)) {
    case 0:
        change_something(world, product);
        break;
    case 1:
    case 2:
        fs_tiny_cancel(&world->op, product, buyer, order);
        break;
    default:
        fs_tiny_buy(&world->op, product, buyer, order, 1 + number % 3);
    }
}

static void a_restart_comes_to_the_state_that_was(void)
{
    struct world world = {.random = fs_tiny_seed()};
    unsigned snapshots = 0;

    fs_tiny_host_init(&world.host);
    fs_tiny_dir_create(world.dir);
    start(&world);
    for (unsigned round = 0; round < 12; round++) {
        struct fs_v1_listing listing;
        unsigned count = 20 + pick(&world, 1500);
        char *before, *after;
        char product[8];

        for (unsigned i = 0; i < count; i++)
            do_something(&world);
        for (unsigned i = 0; i < PRODUCTS; i++) {
            snprintf(product, sizeof(product), "p%u", i);
            if (fs_tiny_audit(&world.op, product) == FS_DONE)
                FS_CHECK(fs_tiny_is_sound(&world.op));
        }
        before = fs_tiny_dump(&world.v1->ledger);
        FS_CHECK_INT(fs_v1_folder_list(&world.v1->folder, &listing), 0);
        snapshots += listing.snapshot > 0;
        stop(&world);
        start(&world);
        after = fs_tiny_dump(&world.v1->ledger);
        FS_CHECK(strcmp(before, after) == 0);
        free(before);
        free(after);
    }
    printf("%" PRIu64 " records, %u orders, %u of 12 rounds with a snapshot ",
           fs_v1_journal_durable(&world.v1->journal), world.v1->ledger.order_count, snapshots);
    FS_CHECK(snapshots > 0);
    stop(&world);
    FS_CHECK_STR(world.host.errors, "");
    fs_tiny_dir_destroy(world.dir);
    fs_tiny_host_dispose(&world.host);
}

#define TESTS(T) T(a_restart_comes_to_the_state_that_was)
FS_SUITE("v1/replay", TESTS)
