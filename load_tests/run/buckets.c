/* Steps of 10 ms, added up from the history after the run, so that the engine counts nothing more. */
#include "run/buckets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run/csv.h"
#include "run/whole_file.h"

#define BUCKET_US 10000u

struct fs_sold_order {
    const char *id;
    int64_t units;
};

static int compare_orders(const void *a, const void *b)
{
    return strcmp(((const struct fs_sold_order *)a)->id, ((const struct fs_sold_order *)b)->id);
}

struct fs_sold_order *fs_orders_sort(const struct fs_history *history, size_t *count)
{
    struct fs_sold_order *orders = calloc(history->count + 1, sizeof(*orders));

    *count = 0;
    for (size_t i = 0; orders && i < history->count; i++) {
        const struct fs_operation *operation = fs_history_at(history, i);

        if (operation->kind == FS_OPERATION_PURCHASE && operation->answer == FS_ANSWER_OK &&
            operation->order_id[0] != '\0')
            orders[(*count)++] = (struct fs_sold_order){operation->order_id, operation->quantity};
    }
    if (orders)
        qsort(orders, *count, sizeof(*orders), compare_orders);
    return orders;
}

int64_t fs_units_taken(const struct fs_operation *operation, const struct fs_sold_order *orders,
                       size_t order_count)
{
    const struct fs_sold_order wanted = {operation->order_id, 0};
    const struct fs_sold_order *found;

    if (operation->answer != FS_ANSWER_OK || operation->replayed)
        return 0;
    switch (operation->kind) {
    case FS_OPERATION_PURCHASE:
        return operation->quantity;
    case FS_OPERATION_RESTOCK:
        return -(int64_t)operation->quantity;
    case FS_OPERATION_CANCEL:
        found =
            orders ? bsearch(&wanted, orders, order_count, sizeof(*orders), compare_orders) : NULL;
        return found ? -found->units : 0;
    default:
        return 0;
    }
}

struct bucket {
    uint64_t offered, answered, sold_units, errors;
    int64_t taken; /* units that left the stock */
    int64_t begun; /* requests sent less requests answered */
};

static size_t bucket_of(uint64_t at_us, size_t count)
{
    size_t i = at_us / BUCKET_US;

    return i < count ? i : count - 1;
}

static void add_operation(struct bucket *buckets, size_t count,
                          const struct fs_operation *operation, const struct fs_sold_order *orders,
                          size_t order_count)
{
    struct bucket *begin = &buckets[bucket_of(operation->intended_us, count)];
    struct bucket *end;

    if (operation->kind == FS_OPERATION_LOGIN)
        return;
    begin->offered++;
    begin->begun++;
    if (operation->answered_us == 0)
        return;
    end = &buckets[bucket_of(operation->answered_us, count)];
    end->begun--;
    end->answered += operation->status != 0;
    end->errors += fs_answer_is_error((enum fs_answer)operation->answer);
    end->taken += fs_units_taken(operation, orders, order_count);
    if (operation->kind == FS_OPERATION_PURCHASE && operation->answer == FS_ANSWER_OK &&
        !operation->replayed)
        end->sold_units += operation->quantity;
}

static void write_rows(FILE *file, const struct bucket *buckets, size_t count, int64_t stock)
{
    struct fs_csv csv = {.file = file};
    int64_t left = stock, in_flight = 0;

    fs_csv_head(&csv, "ms,in_flight,offered,answered,sold_units,errors,stock_left");
    for (size_t i = 0; i < count; i++) {
        left -= buckets[i].taken;
        in_flight += buckets[i].begun;
        fs_csv_integer(&csv, (int64_t)(i + 1) * (BUCKET_US / 1000));
        fs_csv_integer(&csv, in_flight);
        fs_csv_integer(&csv, (int64_t)buckets[i].offered);
        fs_csv_integer(&csv, (int64_t)buckets[i].answered);
        fs_csv_integer(&csv, (int64_t)buckets[i].sold_units);
        fs_csv_integer(&csv, (int64_t)buckets[i].errors);
        fs_csv_integer(&csv, left);
        fs_csv_end(&csv);
    }
}

int fs_buckets_write(const char *folder, const struct fs_record *record,
                     const struct fs_load_result *load)
{
    const struct fs_history *history = &load->history;
    size_t count = load->measured_us / BUCKET_US + 1, order_count = 0;
    struct fs_sold_order *orders;
    struct fs_whole_file whole;
    struct bucket *buckets;
    int rc = -ENOMEM;

    if (load->measured_us > FS_BUCKETS_SECONDS_MAX * UINT64_C(1000000))
        return 0;
    buckets = calloc(count, sizeof(*buckets));
    orders = fs_orders_sort(history, &order_count);
    if (buckets && orders) {
        for (size_t i = 0; i < history->count; i++)
            add_operation(buckets, count, fs_history_at(history, i), orders, order_count);
        rc = fs_whole_file_open(&whole, folder, "buckets.csv");
    }
    if (rc == 0) {
        write_rows(whole.file, buckets, count,
                   record->scenario->stock * (int64_t)record->scenario->product_count);
        rc = fs_whole_file_close(&whole);
    }
    free(orders);
    free(buckets);
    return rc;
}
