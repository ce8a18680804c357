/* The rules of a sale, through the callbacks of the table, in memory and through the journal. */
#include "tiny_host.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/suite.h"

/* One v1 with one loop, for one test. */
struct fixture {
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    struct fs_loop loop;
    struct fs_op op;
    char dir[128];
};

static void fixture_open(struct fixture *f, const char *options)
{
    int error;

    fs_tiny_host_init(&f->host);
    fs_tiny_dir_create(f->dir);
    error = fs_tiny_open(&f->host, f->dir, options, NULL, &f->v1);
    if (error) {
        fprintf(stderr, "open: %d %s\n", error, f->host.errors);
        abort();
    }
    fs_tiny_loop_init(&f->loop, &f->host, f->v1);
    fs_tiny_op_init(&f->op, &f->loop);
}

static void fixture_close(struct fixture *f)
{
    fs_tiny_loop_dispose(&f->loop);
    fs_v1_close(f->v1);
    fs_tiny_dir_destroy(f->dir);
    fs_tiny_host_dispose(&f->host);
}

static void fixture_reopen(struct fixture *f, const char *options)
{
    int error;

    fs_tiny_loop_dispose(&f->loop);
    fs_v1_close(f->v1);
    error = fs_tiny_open(&f->host, f->dir, options, NULL, &f->v1);
    if (error) {
        fprintf(stderr, "reopen: %d %s\n", error, f->host.errors);
        abort();
    }
    fs_tiny_loop_init(&f->loop, &f->host, f->v1);
}

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static void exactly_the_stock_is_sold_and_then_sold_out(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    char order[32];

    fixture_open(&f, "");
    FS_CHECK_INT(fs_tiny_create(op, "1", 100), FS_DONE);
    FS_CHECK_INT(op->sales[0].units_left, 100);
    FS_CHECK_INT(op->outcome.epoch, 1);
    FS_CHECK_INT(op->outcome.sequence, 1);
    for (int i = 0; i < 100; i++) {
        snprintf(order, sizeof(order), "order%d", i);
        FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", order, 1), FS_DONE);
        FS_CHECK_INT(op->outcome.units_left, 99 - i);
        FS_CHECK_INT(op->outcome.sequence, 2 + i);
        FS_CHECK(!op->outcome.replayed);
    }
    FS_CHECK_INT(fs_tiny_buy(op, "1", "bob", "late", 1), FS_SOLD_OUT);
    FS_CHECK_INT(op->outcome.units_left, 0);
    FS_CHECK_INT(fs_tiny_audit(op, "1"), FS_DONE);
    FS_CHECK(fs_tiny_is_sound(op));
    FS_CHECK_INT(fs_tiny_term(op, "sold_by_orders"), 100);
    FS_CHECK_INT(fs_tiny_term(op, "orders_sold"), 100);
    FS_CHECK_INT(fs_tiny_term(op, "journal_durable"), 101);
    fixture_close(&f);
}

static void a_purchase_larger_than_what_is_left_takes_nothing(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;

    fixture_open(&f, "durability=memory");
    fs_tiny_create(op, "1", 5);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 3), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "b", 3), FS_SOLD_OUT);
    FS_CHECK_INT(op->outcome.units_left, 2);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "c", 2), FS_DONE);
    FS_CHECK_INT(op->outcome.units_left, 0);
    fixture_close(&f);
}

static void the_same_order_gets_the_first_decision(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;

    fixture_open(&f, "");
    fs_tiny_create(op, "1", 5);
    fs_tiny_create(op, "2", 5);
    fs_tiny_buy(op, "1", "ann", "a", 2);
    fs_tiny_buy(op, "1", "bob", "b", 1);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 2), FS_DONE);
    FS_CHECK(op->outcome.replayed);
    FS_CHECK_INT(op->outcome.units_left, 3);
    FS_CHECK_INT(op->outcome.sequence, 2);
    FS_CHECK(op->has_order);
    FS_CHECK_TEXT(op->order.buyer.data, op->order.buyer.len, "ann");
    FS_CHECK_INT(op->order.units, 2);
    FS_CHECK_INT(op->order.status, FS_ORDER_SOLD);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_KEY_REUSED);
    FS_CHECK_INT(fs_tiny_buy(op, "2", "ann", "a", 2), FS_KEY_REUSED);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "bob", "a", 2), FS_KEY_REUSED);
    fs_tiny_count(op, "1");
    FS_CHECK_INT(op->sales[0].units_left, 2);
    fixture_close(&f);
}

static void a_refusal_is_not_remembered(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_sale_change restock = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");

    fixture_open(&f, "");
    fs_tiny_create(op, "1", 0);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_SOLD_OUT);
    restock.units_add = 1;
    FS_CHECK_INT(fs_tiny_change(op, &restock), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_DONE);
    FS_CHECK(!op->outcome.replayed);
    fixture_close(&f);
}

static void limits_and_states_refuse_before_anything_is_written(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_CREATE, "1");

    fixture_open(&f, "");
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_UNKNOWN);
    change.units_reset = 10;
    change.units_per_buyer_max = 3;
    change.units_per_order_max = 2;
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 3), FS_TOO_MANY);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 2), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "b", 2), FS_LIMIT_REACHED);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "b", 1), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "bob", "c", 2), FS_DONE);
    change = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");
    change.state = FS_SALE_PAUSED;
    fs_tiny_change(op, &change);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "cid", "d", 1), FS_CLOSED);
    FS_CHECK_INT(op->outcome.state, FS_SALE_PAUSED);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "bob", "c", 2), FS_DONE); /* a replay, also while paused */
    FS_CHECK(op->outcome.replayed);
    change.state = FS_SALE_OPEN;
    change.opens_at_ms = now_ms() + 60000;
    fs_tiny_change(op, &change);
    FS_CHECK_INT(op->sales[0].state, FS_SALE_NOT_OPEN);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "cid", "d", 1), FS_CLOSED);
    FS_CHECK_INT(op->outcome.state, FS_SALE_NOT_OPEN);
    change.opens_at_ms = 0;
    change.closes_at_ms = now_ms() - 1000;
    fs_tiny_change(op, &change);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "cid", "d", 1), FS_CLOSED);
    FS_CHECK_INT(op->outcome.state, FS_SALE_CLOSED);
    change.closes_at_ms = 0;
    fs_tiny_change(op, &change);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "cid", "d", 1), FS_DONE);
    fs_tiny_audit(op, "1");
    FS_CHECK(fs_tiny_is_sound(op));
    FS_CHECK_INT(fs_tiny_term(op, "units_left"), 4);
    fixture_close(&f);
}

static void a_cancelled_order_gives_its_units_back_once(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_CREATE, "1");

    fixture_open(&f, "");
    change.units_reset = 4;
    change.units_per_buyer_max = 3;
    fs_tiny_change(op, &change);
    fs_tiny_buy(op, "1", "ann", "a", 3);
    change = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");
    change.state = FS_SALE_CLOSED;
    fs_tiny_change(op, &change);
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "bob", "a"), FS_UNKNOWN);
    FS_CHECK_INT(fs_tiny_cancel(op, "2", "ann", "a"), FS_UNKNOWN);
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "a"), FS_DONE);
    FS_CHECK(!op->outcome.replayed);
    FS_CHECK_INT(op->outcome.units_left, 4);
    FS_CHECK_INT(op->order.status, FS_ORDER_CANCELLED);
    FS_CHECK(op->order.cancelled_at_ms > 0);
    for (int i = 0; i < 3; i++) {
        FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "a"), FS_DONE);
        FS_CHECK(op->outcome.replayed);
    }
    fs_tiny_count(op, "1");
    FS_CHECK_INT(op->sales[0].units_left, 4);
    change.state = FS_SALE_OPEN;
    fs_tiny_change(op, &change);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "b", 3), FS_DONE); /* the share came back too */
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 3), FS_DONE); /* the first decision */
    FS_CHECK(op->outcome.replayed);
    FS_CHECK_INT(op->order.status, FS_ORDER_CANCELLED);
    FS_CHECK_INT(fs_tiny_lookup(op, "1", "ann", "a"), FS_DONE);
    FS_CHECK_INT(op->order.status, FS_ORDER_CANCELLED);
    FS_CHECK_INT(fs_tiny_lookup(op, "1", "bob", "a"), FS_UNKNOWN);
    fixture_close(&f);
}

static void a_reset_starts_an_epoch_with_new_shares_and_keeps_old_orders(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_CREATE, "1");

    fixture_open(&f, "");
    change.units_reset = 2;
    change.units_per_buyer_max = 2;
    fs_tiny_change(op, &change);
    fs_tiny_buy(op, "1", "ann", "a", 1);
    fs_tiny_buy(op, "1", "ann", "b", 1);
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "b"), FS_DONE);
    change.kind = FS_CHANGE_RESET;
    change.units_reset = 7;
    change.units_per_buyer_max = -1;
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_DONE);
    FS_CHECK_INT(op->outcome.epoch, 2);
    FS_CHECK_INT(op->sales[0].units_left, 7);
    FS_CHECK_INT(op->sales[0].units_sold, 0);
    FS_CHECK_INT(op->sales[0].units_per_buyer_max, 2);
    FS_CHECK_INT(op->sales[0].sequence, 5);
    FS_CHECK_INT(fs_tiny_lookup(op, "1", "ann", "a"), FS_DONE);
    FS_CHECK_INT(op->order.epoch, 1);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_DONE);
    FS_CHECK(op->outcome.replayed);
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "a"), FS_NOT_CANCELLABLE);
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "b"), FS_DONE);
    FS_CHECK(op->outcome.replayed);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "c", 2), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "d", 1), FS_LIMIT_REACHED);
    fixture_reopen(&f, "");
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "a"), FS_NOT_CANCELLABLE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "d", 1), FS_LIMIT_REACHED);
    fs_tiny_audit(op, "1");
    FS_CHECK(fs_tiny_is_sound(op));
    FS_CHECK_INT(fs_tiny_term(op, "units_left"), 5);
    fixture_close(&f);
}

static void a_named_change_is_made_once_also_after_a_restart(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");

    fixture_open(&f, "");
    fs_tiny_create(op, "1", 5);
    FS_CHECK_INT(fs_tiny_create(op, "1", 6), FS_EXISTS);
    change.change = fs_tiny_text("restock7");
    change.units_add = 7;
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_DONE);
    FS_CHECK(!op->outcome.replayed);
    for (int i = 0; i < 2; i++) {
        FS_CHECK_INT(fs_tiny_change(op, &change), FS_DONE);
        FS_CHECK(op->outcome.replayed);
        FS_CHECK_INT(op->sales[0].units_left, 12);
        FS_CHECK_INT(op->sales[0].units_restocked, 7);
        fixture_reopen(&f, "");
    }
    change.units_add = 8;
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_KEY_REUSED);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "restock7", 1), FS_DONE); /* names of their own */
    change = fs_tiny_nothing(FS_CHANGE_UPDATE, "2");
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_UNKNOWN);
    fixture_close(&f);
}

static void list_tells_every_sale_in_the_order_of_ids(void)
{
    static const char *const made[] = {"b", "10", "9", "a", "1"};
    static const char *const told[] = {"1", "10", "9", "a", "b"};
    struct fixture f;
    struct fs_op *op = &f.op;

    fixture_open(&f, "durability=memory");
    for (int i = 0; i < 5; i++)
        fs_tiny_create(op, made[i], i);
    fs_tiny_op_init(op, &f.loop);
    fs_v1_list(f.loop.worker, op, op->state);
    FS_CHECK(op->is_done);
    FS_CHECK_INT(op->sale_count, 5);
    for (int i = 0; i < 5; i++)
        FS_CHECK_TEXT(op->sales[i].product.data, op->sales[i].product.len, told[i]);
    fixture_close(&f);
}

static void full_tables_answer_unavailable_and_say_so_once(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;

    fixture_open(&f, "durability=memory orders_max=2 sales_max=1");
    fs_tiny_create(op, "1", 10);
    FS_CHECK_INT(fs_tiny_create(op, "2", 10), FS_TOO_MANY);
    fs_tiny_op_init(op, &f.loop);
    fs_v1_probe(f.loop.worker, op, op->state);
    FS_CHECK_INT(op->outcome.verdict, FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "b", 1), FS_DONE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "c", 1), FS_UNAVAILABLE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "c", 1), FS_UNAVAILABLE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", 1), FS_DONE);
    FS_CHECK_INT(fs_tiny_cancel(op, "1", "ann", "a"), FS_DONE);
    FS_CHECK_INT(f.host.error_lines, 2);
    FS_CHECK_CONTAINS(f.host.errors, "orders_max");
    fs_tiny_op_init(op, &f.loop);
    fs_v1_probe(f.loop.worker, op, op->state);
    FS_CHECK_INT(op->outcome.verdict, FS_UNAVAILABLE);
    fixture_close(&f);
}

static void units_beyond_all_counting_are_refused(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_sale_change change = fs_tiny_nothing(FS_CHANGE_UPDATE, "1");

    fixture_open(&f, "durability=memory");
    FS_CHECK_INT(fs_tiny_create(op, "1", INT64_MAX), FS_UNAVAILABLE);
    FS_CHECK_INT(fs_tiny_create(op, "1", (int64_t)1 << 53), FS_DONE);
    change.units_add = 1;
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_UNAVAILABLE);
    change.units_add = INT64_MAX;
    FS_CHECK_INT(fs_tiny_change(op, &change), FS_UNAVAILABLE);
    FS_CHECK_INT(fs_tiny_buy(op, "1", "ann", "a", UINT32_MAX), FS_DONE);
    fixture_close(&f);
}

static void past_its_deadline_nothing_is_started(void)
{
    struct fixture f;
    struct fs_op *op = &f.op;
    struct fs_purchase purchase = {
        .product = fs_tiny_text("1"),
        .buyer = fs_tiny_text("ann"),
        .order = fs_tiny_text("a"),
        .units = 1,
    };

    fixture_open(&f, "durability=memory");
    fs_tiny_create(op, "1", 1);
    purchase.deadline_us = f.host.host.now_us() - 1;
    fs_tiny_op_init(op, &f.loop);
    fs_v1_purchase(f.loop.worker, op, op->state, &purchase);
    FS_CHECK_INT(op->outcome.verdict, FS_BUSY);
    purchase.deadline_us += 10000000;
    fs_tiny_op_init(op, &f.loop);
    fs_v1_purchase(f.loop.worker, op, op->state, &purchase);
    FS_CHECK_INT(op->outcome.verdict, FS_DONE);
    fixture_close(&f);
}

static void every_option_is_checked_and_unknown_ones_are_refused(void)
{
    static const struct {
        const char *options;
        const char *says;
    } cases[] = {
        {"durabilty=journal", "did you mean durability?"},
        {"order_max=5", "did you mean orders_max?"},
        {"durability=disk", "use journal or memory"},
        {"orders_max=0", "use a number from 1 to 16777216"},
        {"orders_max=16777217", "use a number"},
        {"orders_max=5x", "use a number"},
        {"sales_max=-1", "use a number"},
        {"segment_size=1KiB", "use a size from 64KiB"},
        {"segment_size=64MB", "use a size from 64KiB"},
        {"segment_size=99999999999999999999", "use a size"},
        {"repair=yes", "use none or cut-last-batch"},
    };
    struct fs_tiny_host host;
    struct fs_v1 *v1;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fs_tiny_host_init(&host);
        FS_CHECK_INT(fs_tiny_open(&host, "/nonexistent", cases[i].options, NULL, &v1), -EINVAL);
        FS_CHECK_CONTAINS(host.errors, cases[i].says);
        fs_tiny_host_dispose(&host);
    }
}

static void a_second_opening_is_refused_and_names_the_holder(void)
{
    struct fixture f;
    struct fs_v1 *second;
    char pid[32];

    fixture_open(&f, "");
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    FS_CHECK_INT(fs_tiny_open(&f.host, f.dir, "", NULL, &second), -EBUSY);
    FS_CHECK_CONTAINS(f.host.errors, pid);
    FS_CHECK_INT(fs_tiny_buy(&f.op, "1", "ann", "a", 1), FS_UNKNOWN); /* the first goes on */
    fixture_close(&f);
}

static void files_are_private_to_the_user(void)
{
    struct fixture f;
    struct stat status;
    char path[256];

    fixture_open(&f, "");
    snprintf(path, sizeof(path), "%s/v1", f.dir);
    FS_CHECK(stat(path, &status) == 0);
    FS_CHECK_INT(status.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "%s/v1/journal-00000001.log", f.dir);
    FS_CHECK(stat(path, &status) == 0);
    FS_CHECK_INT(status.st_mode & 0777, 0600);
    fixture_close(&f);
}

static void memory_leaves_no_file_and_says_its_name(void)
{
    struct fixture f;
    struct stat status;
    char path[256];

    fixture_open(&f, "durability=memory");
    snprintf(path, sizeof(path), "%s/v1", f.dir);
    FS_CHECK(stat(path, &status) != 0);
    fixture_close(&f);
}

#define TESTS(T)                                                    \
    T(exactly_the_stock_is_sold_and_then_sold_out)                  \
    T(a_purchase_larger_than_what_is_left_takes_nothing)            \
    T(the_same_order_gets_the_first_decision)                       \
    T(a_refusal_is_not_remembered)                                  \
    T(limits_and_states_refuse_before_anything_is_written)          \
    T(a_cancelled_order_gives_its_units_back_once)                  \
    T(a_reset_starts_an_epoch_with_new_shares_and_keeps_old_orders) \
    T(a_named_change_is_made_once_also_after_a_restart)             \
    T(list_tells_every_sale_in_the_order_of_ids)                    \
    T(full_tables_answer_unavailable_and_say_so_once)               \
    T(units_beyond_all_counting_are_refused)                        \
    T(past_its_deadline_nothing_is_started)                         \
    T(every_option_is_checked_and_unknown_ones_are_refused)         \
    T(a_second_opening_is_refused_and_names_the_holder)             \
    T(files_are_private_to_the_user)                                \
    T(memory_leaves_no_file_and_says_its_name)
FS_SUITE("v1/rules", TESTS)
