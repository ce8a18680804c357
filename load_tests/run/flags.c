/* What a server is told: only what differs from its defaults, so that what is measured is what users
 * get. */
#include "run/flags.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS_RATE_MAX 100000u    /* purchases a second that one server could record */
#define V1_ORDERS_DEFAULT 1000000u /* that v1 remembers unless told otherwise */
#define V1_ORDERS_MAX 16777216u
#define QUANTITY_DEFAULT 10u
#define CONNECTIONS_DEFAULT 10000u
#define CONNECTIONS_SPARE 1000u /* over the scenario's: log-ins, retries, the admin's */

__attribute__((format(printf, 2, 3))) static void add(struct fs_flags *flags, const char *format,
                                                      ...)
{
    va_list args;
    char *text;

    if (flags->failed || flags->count == FS_FLAGS_MAX) {
        flags->failed = true;
        return;
    }
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        flags->failed = true;
    else
        flags->argv[flags->count++] = text;
    va_end(args);
}

static void set(struct fs_flags *flags, const char *key, const char *value)
{
    add(flags, "--set");
    add(flags, "%s=%s", key, value);
}

static void set_number(struct fs_flags *flags, const char *key, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    set(flags, key, text);
}

static bool has_option(const struct fs_subject *subject, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < subject->option_count; i++)
        if (strncmp(subject->options[i], name, len) == 0 && subject->options[i][len] == '=')
            return true;
    return false;
}

/* v1 reserves its tables at the start: a long run at full speed makes more orders than its default. */
static void add_orders_max(struct fs_flags *flags, const struct fs_subject *subject,
                           const struct fs_scenario *scenario)
{
    uint64_t orders = fs_scenario_duration_us(scenario) / 1000000 * ORDERS_RATE_MAX;
    uint64_t units = (uint64_t)scenario->stock * scenario->product_count;

    if (strcmp(subject->strategy, "v1") != 0 || has_option(subject, "orders_max"))
        return;
    if (units < orders)
        orders = units;
    if (orders <= V1_ORDERS_DEFAULT)
        return;
    set_number(flags, "strategy_options.orders_max",
               orders < V1_ORDERS_MAX ? orders : V1_ORDERS_MAX);
}

static void add_limits(struct fs_flags *flags, const struct fs_scenario *scenario)
{
    if (scenario->quantity_max > QUANTITY_DEFAULT)
        set_number(flags, "purchase.max_quantity", scenario->quantity_max);
    if (scenario->connections_max + CONNECTIONS_SPARE > CONNECTIONS_DEFAULT)
        set_number(flags, "http.connections_max", scenario->connections_max + CONNECTIONS_SPARE);
    /* A soak of an hour must not end in 401. */
    set(flags, "auth.token_ttl", "24h");
}

static void add_store(struct fs_flags *flags, const struct fs_server_source *source,
                      const struct fs_subject *subject, const char *prefix)
{
    char option[160];

    for (size_t i = 0; i < source->redis_count; i++) {
        add(flags, "--redis");
        add(flags, "%s", source->redis_urls[i]);
    }
    if (prefix[0] != '\0')
        set(flags, "redis.prefix", prefix);
    if (subject->nodes > 0 && source->redis_count == 0)
        set_number(flags, "redis.private_servers", subject->nodes);
    for (size_t i = 0; i < subject->option_count; i++) {
        snprintf(option, sizeof(option), "strategy_options.%s", subject->options[i]);
        add(flags, "--set");
        add(flags, "%s", option);
    }
}

int fs_flags_make(struct fs_flags *flags, const char *command,
                  const struct fs_server_source *source, const struct fs_subject *subject,
                  const struct fs_scenario *scenario, const char *data_folder, const char *prefix)
{
    const struct fs_cores *cores = &source->pinning.server;
    const char *const fixed[] = {source->program, command,       "--strategy",  subject->program,
                                 "--listen",      "127.0.0.1:0", "--admin",     "127.0.0.1:0",
                                 "--data-dir",    data_folder,   "--log-level", "warning"};

    *flags = (struct fs_flags){0};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        add(flags, "%s", fixed[i]);
    if (subject->workers > 0) {
        add(flags, "--workers");
        add(flags, "%u", subject->workers);
    } else if (cores->count > 0) {
        add(flags, "--workers");
        add(flags, "%zu", cores->count < 64 ? cores->count : (size_t)64);
    }
    if (strcmp(source->password, "password123") != 0)
        set(flags, "auth.demo_password", source->password);
    add_limits(flags, scenario);
    add_orders_max(flags, subject, scenario);
    add_store(flags, source, subject, prefix);
    return flags->failed ? -ENOMEM : 0;
}

void fs_flags_dispose(struct fs_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++)
        free(flags->argv[i]);
    *flags = (struct fs_flags){0};
}
