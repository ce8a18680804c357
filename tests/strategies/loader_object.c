/* Objects for the loader's tests: built once for each OBJECT_... definition, one thing wrong each. */
#include <flashsale/strategy.h>

#include <stdlib.h>

#if defined(OBJECT_NO_SYMBOL)

__attribute__((visibility("default"))) int not_a_strategy(void);

int not_a_strategy(void)
{
    return 0;
}

#else

static int on_open(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    (void)host;
    (void)options;
    *strategy = NULL;
    return 0;
}

static int on_attach(void *strategy, struct fs_loop *loop, void **worker)
{
    (void)loop;
    *worker = strategy;
    return 0;
}

static void on_purchase(void *worker, struct fs_op *op, void *state,
                        const struct fs_purchase *purchase)
{
    (void)worker;
    (void)op;
    (void)state;
    (void)purchase;
    abort(); /* these objects are loaded, never asked */
}

static void on_order(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    (void)worker;
    (void)op;
    (void)state;
    (void)ref;
    abort();
}

static void on_product(void *worker, struct fs_op *op, void *state, struct fs_text product)
{
    (void)worker;
    (void)op;
    (void)state;
    (void)product;
    abort();
}

static void on_list(void *worker, struct fs_op *op, void *state)
{
    (void)worker;
    (void)op;
    (void)state;
    abort();
}

static void on_change(void *worker, struct fs_op *op, void *state,
                      const struct fs_sale_change *change)
{
    (void)worker;
    (void)op;
    (void)state;
    (void)change;
    abort();
}

static void on_turn_end(void *worker)
{
    (void)worker;
}

/* What a later server might know of: the table grows at its end only. */
static const struct {
    struct fs_strategy strategy;
    void (*added_later)(void *worker);
} table = {
    .strategy =
        {
#if defined(OBJECT_OTHER_ABI)
            .abi_version = 99,
#else
            .abi_version = FS_STRATEGY_ABI,
#endif
#if defined(OBJECT_SHORT)
            .struct_size = offsetof(struct fs_strategy, turn_end),
#elif defined(OBJECT_TOO_SHORT)
            .struct_size = offsetof(struct fs_strategy, change),
#elif defined(OBJECT_LONGER)
            .struct_size = sizeof(table),
#else
            .struct_size = sizeof(struct fs_strategy),
#endif
#if defined(OBJECT_BAD_NAME)
            .name = "Bad Name",
#else
            .name = "loader_good",
#endif
#if !defined(OBJECT_NO_SUMMARY)
            .summary = "for the loader's tests",
#endif
#if defined(OBJECT_HUGE_STATE)
            .state_size = 1u << 20,
#endif
            .open = on_open,
            .close = free,
            .attach = on_attach,
            .detach = free,
            .purchase = on_purchase,
#if !defined(OBJECT_NO_CANCEL)
            .cancel = on_order,
#endif
            .lookup = on_order,
            .count = on_product,
            .list = on_list,
            .audit = on_product,
            .change = on_change,
            .turn_end = on_turn_end,
        },
    .added_later = on_turn_end,
};

#if defined(OBJECT_NO_TABLE)
const struct fs_strategy *FS_STRATEGY_SYMBOL(void)
{
    return table.added_later ? NULL : &table.strategy;
}
#else
FS_STRATEGY_EXPORT(table.strategy)
#endif

#endif
