/* The answer of GET /metrics.
 *
 * families[] says of every metric of struct fs_metrics its name, its labels and where it lies; a
 * handful of numbers that are not counted by loops follow from a list of their own.  Numbers are
 * written without floating point, whose decimal sign depends on the program's locale. */
#include "metrics/prometheus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "metrics/process.h"

#define PAGE_SIZE_USUAL 65536u /* bytes: enough without many sales; doubled when it is not */

enum kind {
    COUNTER,
    GAUGE,
    HISTOGRAM_US,   /* recorded in microseconds, shown in seconds */
    HISTOGRAM_COUNT /* of things */
};

enum labels { NONE, STRATEGY, OUTCOME, ENDPOINT, STATUS, TRANSFER, RATE };

struct family {
    const char *name;
    const char *help;
    enum kind kind;
    enum labels labels;
    size_t offset; /* in struct fs_metrics: of the first counter or histogram of a row of them */
};

#define AT(member) offsetof(struct fs_metrics, member)

static const struct family families[] = {
    {"http_requests_total", "HTTP requests answered.", COUNTER, STATUS, AT(requests)},
    {"http_request_duration_seconds", "Time from a request to its answer.", HISTOGRAM_US, ENDPOINT,
     AT(request_duration_us)},
    {"purchase_outcomes_total", "What became of purchase requests.", COUNTER, OUTCOME, AT(results)},
    {"purchase_duration_seconds", "Time a strategy took to decide a purchase.", HISTOGRAM_US,
     STRATEGY, AT(purchase_duration_us)},
    {"lock_acquired_total", "Attempts to take a lock that ended with the lock.", COUNTER, NONE,
     AT(lock_acquired)},
    {"lock_contended_total", "Attempts to take a lock that found it taken at first.", COUNTER, NONE,
     AT(lock_contended)},
    {"lock_failed_total", "Attempts to take a lock that were given up.", COUNTER, NONE,
     AT(lock_failed)},
    {"lock_lost_total", "Locks that were taken and then found to be gone.", COUNTER, NONE,
     AT(lock_lost)},
    {"lock_wait_seconds", "Time waited for a lock.", HISTOGRAM_US, NONE, AT(lock_wait_us)},
    {"store_command_duration_seconds", "Time from a store command to its reply.", HISTOGRAM_US,
     NONE, AT(store_command_us)},
    {"store_batch_size", "Purchases decided by one store command.", HISTOGRAM_COUNT, NONE,
     AT(store_batch)},
    {"store_reconnects_total", "Store connections opened again after a failure.", COUNTER, NONE,
     AT(store_reconnects)},
    {"flashsale_store_denied_total", "Store commands refused for want of a permission.", COUNTER,
     NONE, AT(store_denied)},
    {"shard_transfers_total", "Transfers of units between shards.", COUNTER, TRANSFER,
     AT(transfers)},
    {"store_in_flight", "Store commands that wait for their reply.", GAUGE, NONE,
     AT(store_in_flight)},
    {"flashsale_operations_in_flight", "Operations between the HTTP side and the strategy.", GAUGE,
     NONE, AT(ops_in_flight)},
    {"flashsale_operations_refused_total", "Operations refused because too many were in flight.",
     COUNTER, NONE, AT(ops_refused)},
    {"flashsale_connections_open", "Open connections of the main listener.", GAUGE, NONE,
     AT(connections)},
    {"flashsale_connections_accepted_total", "Connections accepted.", COUNTER, NONE,
     AT(connections_accepted)},
    {"flashsale_connections_refused_total", "Connections closed at once because of a limit.",
     COUNTER, NONE, AT(connections_refused)},
    {"flashsale_unsent_bytes", "Bytes of answers that clients have not taken yet.", GAUGE, NONE,
     AT(unsent_bytes)},
    {"flashsale_connections_unread_total",
     "Connections ended because clients left more than http.unsent_max unread.", COUNTER, NONE,
     AT(connections_unread)},
    {"flashsale_login_failures_total", "Log-ins with bad credentials.", COUNTER, NONE,
     AT(login_failures)},
    {"flashsale_logins_limited_total", "Log-ins refused after too many failures.", COUNTER, NONE,
     AT(logins_limited)},
    {"flashsale_rate_limited_total",
     "Requests about orders answered 429: their buyer or address asks too often.", COUNTER, RATE,
     AT(rates_limited)},
    {"flashsale_loop_turns_total", "Turns of the event loops.", COUNTER, NONE, AT(turns)},
    {"flashsale_loop_turn_duration_seconds", "Processor time of a turn of an event loop.",
     HISTOGRAM_US, NONE, AT(turn_us)},
};

/* A metric of one series whose value is not counted by loops; -1: not known, so not shown. */
struct single {
    const char *name;
    const char *help;
    enum kind kind;
    int64_t per_unit; /* value 1,000 and per_unit 1,000 are shown as 1 */
    int64_t value;
};

static void add(struct fs_buffer *out, const char *text)
{
    fs_buffer_add(out, fs_text_of(text));
}

/* separator, name="value", with what the format wants escaped in values. */
static void add_label(struct fs_buffer *out, const char *separator, const char *name,
                      struct fs_text value)
{
    add(out, separator);
    add(out, name);
    add(out, "=\"");
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];

        if (c == '\n')
            add(out, "\\n");
        else if (c == '\\' || c == '"')
            fs_buffer_add(out, (struct fs_text){(char[]){'\\', c}, 2});
        else
            fs_buffer_add(out, (struct fs_text){&c, 1});
    }
    add(out, "\"");
}

static size_t series_count(enum labels labels)
{
    switch (labels) {
    case OUTCOME:
        return FS_RESULT_COUNT;
    case ENDPOINT:
        return FS_ENDPOINT_COUNT;
    case STATUS:
        return (size_t)FS_ENDPOINT_COUNT * FS_STATUS_COUNT;
    case TRANSFER:
        return FS_TRANSFER_EVENT_COUNT - 1;
    case RATE:
        return FS_RATE_COUNT;
    case NONE:
    case STRATEGY:
        break;
    }
    return 1;
}

static void add_labels(struct fs_buffer *out, enum labels labels, size_t series,
                       const struct fs_prometheus_scrape *scrape)
{
    size_t endpoint = labels == STATUS ? series / FS_STATUS_COUNT : series;

    switch (labels) {
    case NONE:
        break;
    case STRATEGY:
        add_label(out, "", "strategy", fs_text_of(scrape->strategy));
        break;
    case OUTCOME:
        add_label(out, "", "strategy", fs_text_of(scrape->strategy));
        add_label(out, ",", "outcome", fs_text_of(fs_purchase_results[series]));
        break;
    case TRANSFER:
        add_label(out, "", "outcome", fs_text_of(fs_transfer_events[series]));
        break;
    case RATE:
        add_label(out, "", "by", fs_text_of(fs_rates_by[series]));
        break;
    case ENDPOINT:
    case STATUS:
        add_label(out, "", "method", fs_text_of(fs_endpoint_methods[endpoint]));
        add_label(out, ",", "endpoint", fs_text_of(fs_endpoint_paths[endpoint]));
        if (labels == STATUS)
            fs_buffer_add_format(out, ",status=\"%d\"", fs_statuses[series % FS_STATUS_COUNT]);
        break;
    }
}

static void add_head(struct fs_buffer *out, const char *name, const char *help, enum kind kind)
{
    static const char *const types[] = {[COUNTER] = "counter",
                                        [GAUGE] = "gauge",
                                        [HISTOGRAM_US] = "histogram",
                                        [HISTOGRAM_COUNT] = "histogram"};

    fs_buffer_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[kind]);
}

/* value / per_unit, a power of ten, as a decimal number without needless zeros. */
static void add_number(struct fs_buffer *out, uint64_t value, uint64_t per_unit)
{
    uint64_t rest = value % per_unit;

    fs_buffer_add_u64(out, value / per_unit);
    if (rest > 0)
        add(out, ".");
    for (; rest > 0; rest = rest * 10 % per_unit)
        fs_buffer_add_u64(out, rest * 10 / per_unit);
}

/* The name of a sample, its labels, and the space before its value. */
static void add_series(struct fs_buffer *out, const struct family *family, const char *suffix,
                       size_t series, const struct fs_prometheus_scrape *scrape)
{
    add(out, family->name);
    add(out, suffix);
    if (family->labels != NONE) {
        add(out, "{");
        add_labels(out, family->labels, series, scrape);
        add(out, "}");
    }
    add(out, " ");
}

static void add_histogram(struct fs_buffer *out, const struct family *family, size_t series,
                          const struct fs_histogram *histogram,
                          const struct fs_prometheus_scrape *scrape)
{
    uint64_t per_unit = family->kind == HISTOGRAM_US ? 1000000 : 1;
    uint64_t count = 0;

    for (size_t i = 0; i <= histogram->bound_count; i++) {
        count += fs_counter_read(&histogram->buckets[i]);
        add(out, family->name);
        add(out, "_bucket{");
        add_labels(out, family->labels, series, scrape);
        add(out, family->labels == NONE ? "le=\"" : ",le=\"");
        if (i < histogram->bound_count)
            add_number(out, histogram->bounds[i], per_unit);
        else
            add(out, "+Inf");
        add(out, "\"} ");
        fs_buffer_add_u64(out, count);
        add(out, "\n");
    }
    add_series(out, family, "_sum", series, scrape);
    add_number(out, fs_counter_read(&histogram->sum), per_unit);
    add(out, "\n");
    add_series(out, family, "_count", series, scrape);
    fs_buffer_add_u64(out, count);
    add(out, "\n");
}

static void add_family(struct fs_buffer *out, const struct family *family,
                       const struct fs_prometheus_scrape *scrape)
{
    const void *first = (const char *)scrape->total + family->offset;

    add_head(out, family->name, family->help, family->kind);
    for (size_t i = 0; i < series_count(family->labels); i++) {
        if (family->kind == COUNTER || family->kind == GAUGE) {
            const struct fs_counter *counters = first;

            add_series(out, family, "", i, scrape);
            fs_buffer_add_u64(out, fs_counter_read(&counters[i]));
            add(out, "\n");
        } else {
            const struct fs_histogram *histograms = first;

            add_histogram(out, family, i, &histograms[i], scrape);
        }
    }
}

static void add_stock(struct fs_buffer *out, const char *name, struct fs_text product,
                      int64_t units)
{
    add(out, name);
    add_label(out, "{", "product_id", product);
    add(out, "} ");
    fs_buffer_add_i64(out, units);
    add(out, "\n");
}

/* Of a lost sale nothing is known; elsewhere less than 0 units are a fault that must be seen. */
static bool is_known(const struct fs_prometheus_sale *sale)
{
    return !sale->trouble || sale->units_left >= 0;
}

static void add_sales(struct fs_buffer *out, const struct fs_prometheus_scrape *scrape)
{
    size_t count = scrape->sales ? scrape->sale_count : 0;

    add_head(out, "inventory_stock_current", "Units left of a product.", GAUGE);
    for (size_t i = 0; i < count; i++)
        if (is_known(&scrape->sales[i]))
            add_stock(out, "inventory_stock_current", scrape->sales[i].product,
                      scrape->sales[i].units_left);
    add_head(out, "flashsale_inventory_in_transit", "Units on their way between shards.", GAUGE);
    for (size_t i = 0; i < count; i++)
        if (is_known(&scrape->sales[i]))
            add_stock(out, "flashsale_inventory_in_transit", scrape->sales[i].product,
                      scrape->sales[i].units_in_transit);
    add_head(out, "flashsale_sale_trouble", "Sales that sell nothing until an operator acts.",
             GAUGE);
    for (size_t i = 0; i < count; i++) {
        if (!scrape->sales[i].trouble)
            continue;
        add(out, "flashsale_sale_trouble");
        add_label(out, "{", "product_id", scrape->sales[i].product);
        add_label(out, ",", "state", fs_text_of(scrape->sales[i].trouble));
        add(out, "} 1\n");
    }
    add_head(out, "shard_stock_current", "Units left of a product on one shard.", GAUGE);
    for (size_t i = 0; i < scrape->shard_count; i++) {
        add(out, "shard_stock_current");
        add_label(out, "{", "product_id", scrape->shards[i].product);
        fs_buffer_add_format(out, ",shard=\"%" PRIu32 "\"} %" PRId64 "\n", scrape->shards[i].shard,
                             scrape->shards[i].units_left);
    }
}

static void add_infos(struct fs_buffer *out, const struct fs_prometheus_scrape *scrape)
{
    add_head(out, "build_info", "Version of the program.", GAUGE);
    add_label(out, "build_info{", "version", fs_text_of(scrape->version));
    add(out, "} 1\n");
    add_head(out, "flashsale_info", "Strategy and durability class in force.", GAUGE);
    add_label(out, "flashsale_info{", "strategy", fs_text_of(scrape->strategy));
    add_label(out, ",", "durability", fs_text_of(scrape->durability));
    add(out, "} 1\n");
}

static void add_nodes(struct fs_buffer *out, const struct fs_prometheus_scrape *scrape)
{
    struct fs_node_state *states = malloc(FS_STORE_NODES_MAX * sizeof(*states));
    unsigned count = states ? fs_nodes_copy(scrape->nodes, states, FS_STORE_NODES_MAX) : 0;

    add_head(out, "flashsale_store_node_up",
             "Whether every event loop is connected to this server of the store.", GAUGE);
    for (unsigned i = 0; i < count; i++) {
        add_label(out, "flashsale_store_node_up{", "node", fs_text_of(states[i].name));
        fs_buffer_add_format(out, "} %d\n", states[i].down == 0);
    }
    free(states);
}

static void add_dropped_lines(struct fs_buffer *out, const struct fs_prometheus_scrape *scrape)
{
    add_head(out, "flashsale_log_lines_dropped_total",
             "Log lines dropped because their reader or disk was too slow or full.", COUNTER);
    fs_buffer_add_format(out,
                         "flashsale_log_lines_dropped_total{log=\"server\"} %" PRIu64
                         "\nflashsale_log_lines_dropped_total{log=\"access\"} %" PRIu64 "\n",
                         scrape->log_lines_dropped, scrape->access_lines_dropped);
}

/* Microseconds since the start of the last turn of the loop that is furthest behind; -1: none has
 * turned yet. */
static int64_t turn_age_us(const struct fs_metrics *total)
{
    uint64_t at_us = fs_counter_read(&total->turn_at_us);
    uint64_t now_us = fs_clock_now_us();

    if (at_us == 0)
        return -1;
    return now_us > at_us ? (int64_t)(now_us - at_us) : 0;
}

static void add_single(struct fs_buffer *out, const struct single *single)
{
    if (single->value < 0)
        return;
    add_head(out, single->name, single->help, single->kind);
    add(out, single->name);
    add(out, " ");
    add_number(out, (uint64_t)single->value, (uint64_t)single->per_unit);
    add(out, "\n");
}

static void add_singles(struct fs_buffer *out, const struct fs_prometheus_scrape *scrape,
                        const struct fs_process *process)
{
    const struct single singles[] = {
        {"flashsale_inventory_readable", "Whether the store answered this scrape.", GAUGE, 1,
         scrape->sales != NULL},
        {"flashsale_sales_frozen", "Sales that answer 503 until they are repaired.", GAUGE, 1,
         (int64_t)scrape->sales_frozen},
        {"flashsale_auth_key_failures_total", "Failed reads of the identity provider's key set.",
         COUNTER, 1, (int64_t)scrape->key_failures},
        {"flashsale_auth_keys_age_seconds",
         "Time since the identity provider's key set was last read; 0 without one.", GAUGE, 1000000,
         (int64_t)scrape->keys_age_us},
        {"flashsale_workers", "Event loops that serve the main listener.", GAUGE, 1,
         (int64_t)scrape->workers},
        {"flashsale_connections_max",
         "Connections that the main listeners take: the configured "
         "limit, or what the limit of open files leaves.",
         GAUGE, 1, (int64_t)scrape->connections_max},
        {"flashsale_http2_held_bytes", "Memory that unfinished requests of HTTP/2 are charged.",
         GAUGE, 1, (int64_t)scrape->http2_held},
        {"flashsale_start_time_seconds", "Start time of the server, Unix time.", GAUGE, 1000,
         (int64_t)(scrape->started_at_s * 1000)},
        {"flashsale_loop_turn_age_seconds",
         "Time since the slowest event loop began its last turn.", GAUGE, 1000000,
         turn_age_us(scrape->total)},
        {"process_cpu_seconds_total", "User and system CPU time spent.", COUNTER, 1000000,
         process->cpu_us},
        {"process_resident_memory_bytes", "Resident memory size.", GAUGE, 1,
         process->resident_bytes},
        {"process_virtual_memory_bytes", "Virtual memory size.", GAUGE, 1, process->virtual_bytes},
        {"process_open_fds", "Open file descriptors.", GAUGE, 1, process->open_fds},
        {"process_max_fds", "Limit of open file descriptors.", GAUGE, 1, process->max_fds},
        {"process_start_time_seconds", "Start time of the process, Unix time.", GAUGE, 1000,
         process->start_unix_ms},
        {"process_threads", "Threads of the process.", GAUGE, 1, process->threads},
    };

    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
        add_single(out, &singles[i]);
}

static void add_page(struct fs_buffer *out, const struct fs_prometheus_scrape *scrape,
                     const struct fs_process *process)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        add_family(out, &families[i], scrape);
    add_sales(out, scrape);
    add_infos(out, scrape);
    add_nodes(out, scrape);
    add_dropped_lines(out, scrape);
    add_singles(out, scrape, process);
}

/* Not by open_memstream(): glibc's cuts the text without a word when memory ends. */
int fs_prometheus_write(const struct fs_prometheus_scrape *scrape, char **text, size_t *len)
{
    struct fs_process process;
    struct fs_buffer page;
    size_t capacity = PAGE_SIZE_USUAL;
    char *memory;

    fs_process_read(&process);
    for (;;) {
        memory = malloc(capacity);
        if (!memory)
            return -ENOMEM;
        page = fs_buffer_of(memory, capacity - 1);
        add_page(&page, scrape, &process);
        if (!page.overflowed)
            break;
        free(memory);
        capacity *= 2;
    }
    memory[page.len] = '\0';
    *text = memory;
    *len = page.len;
    return 0;
}
