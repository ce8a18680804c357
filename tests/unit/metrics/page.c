/* Prints a page of metrics: "full" with numbers everywhere, "empty" as before the first request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/prometheus.h"

static void count_everything(struct fs_metrics *metrics)
{
    for (size_t i = 0; i < FS_ENDPOINT_COUNT; i++) {
        for (size_t j = 0; j < FS_STATUS_COUNT; j++)
            fs_counter_set(&metrics->requests[i][j], i * 100 + j);
        fs_histogram_record(&metrics->request_duration_us[i], 123456 * i);
    }
    for (size_t i = 0; i < FS_RESULT_COUNT; i++)
        fs_counter_set(&metrics->results[i], i);
    fs_histogram_record(&metrics->purchase_duration_us, 99);
    fs_histogram_record(&metrics->lock_wait_us, 0);
    fs_histogram_record(&metrics->store_batch, 64);
    fs_counter_set(&metrics->store_in_flight, UINT64_MAX);
    fs_counter_set(&metrics->turn_at_us, 1);
}

int main(int argc, char **argv)
{
    static const struct fs_prometheus_sale sales[] = {{FS_TEXT("1"), 100, 0, NULL},
                                                      {FS_TEXT("tee-shirt_XL"), 7, 3, "frozen"}};
    static const struct fs_prometheus_shard shards[] = {{FS_TEXT("1"), 0, 60},
                                                        {FS_TEXT("1"), 1, 40}};
    static struct fs_metrics total;
    struct fs_prometheus_scrape scrape = {.total = &total,
                                          .strategy = "v4",
                                          .durability = "aof-always",
                                          .version = "0.1.0",
                                          .workers = 4,
                                          .started_at_s = 1795737600.25};
    char *text;
    size_t len;

    fs_metrics_init(&total);
    if (argc == 2 && strcmp(argv[1], "full") == 0) {
        count_everything(&total);
        scrape.sales = sales;
        scrape.sale_count = 2;
        scrape.shards = shards;
        scrape.shard_count = 2;
        scrape.sales_frozen = 1;
    }
    if (fs_prometheus_write(&scrape, &text, &len) != 0)
        return 1;
    fwrite(text, 1, len, stdout);
    free(text);
    return fflush(stdout) == 0 ? 0 : 1;
}
