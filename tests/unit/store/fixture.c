/* Turns a link by poll(2), and notes each answer. */
#include "fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WORDS_MAX 64
#define AWAIT_US 20000000u

static void on_line(void *data, enum fs_log_level level, const char *line)
{
    struct fs_link_fixture *link = data;
    size_t len = strlen(line);
    size_t used;

    (void)level;
    pthread_mutex_lock(&link->log_mutex);
    used = strlen(link->log_text);
    if (used + len + 2 > sizeof(link->log_text))
        used = 0;
    snprintf(link->log_text + used, sizeof(link->log_text) - used, "%s\n", line);
    pthread_mutex_unlock(&link->log_mutex);
}

bool fs_link_open(struct fs_link_fixture *link, const struct fs_link_options *options, int wait_ms)
{
    struct fs_redis_store_options wanted = {
        .topology = &link->topology,
        .poller = &link->loop.poller,
        .metrics = &link->metrics,
        .log = &link->log,
        .command_timeout_us = options->command_timeout_us ? options->command_timeout_us : 10000000,
        .connect_timeout_us = options->connect_timeout_us ? options->connect_timeout_us : 10000000,
        .stall_timeout_us = options->stall_timeout_us ? options->stall_timeout_us : 5000000,
        .in_flight_max = options->in_flight_max ? options->in_flight_max : 1024,
        .wait_replicas = options->wait_replicas,
    };
    struct fs_error error;

    memset(link, 0, sizeof(*link));
    pthread_mutex_init(&link->log_mutex, NULL);
    fs_redis_poll_init(&link->loop);
    fs_metrics_init(&link->metrics);
    fs_log_init(&link->log, FS_LOG_DEBUG, FS_LOG_TEXT, on_line, link);
    for (size_t i = 0; i < 4 && options->urls[i]; i++)
        if (fs_topology_add(&link->topology, options->urls[i], &error) != 0)
            abort();
    if (fs_topology_resolve(&link->topology, NULL, NULL, &error) != 0 ||
        fs_redis_store_create(&wanted, &link->redis) != 0)
        abort();
    link->store = &link->redis->store;
    return fs_redis_poll_until_ready(&link->loop, link->store, wait_ms);
}

bool fs_link_open_found(struct fs_link_fixture *link, const struct fs_link_options *options,
                        int wait_ms)
{
    struct fs_redis_options wanted = {.urls = options->urls,
                                      .loop_count = 1,
                                      .command_timeout_us = options->command_timeout_us,
                                      .connect_timeout_us = options->connect_timeout_us,
                                      .stall_timeout_us = options->stall_timeout_us,
                                      .in_flight_max = options->in_flight_max,
                                      .start_timeout_us = options->start_timeout_us,
                                      .wait_replicas = options->wait_replicas,
                                      .lookup = options->lookup,
                                      .log = &link->log};
    struct fs_error error = {.text = ""};

    memset(link, 0, sizeof(*link));
    pthread_mutex_init(&link->log_mutex, NULL);
    fs_redis_poll_init(&link->loop);
    fs_metrics_init(&link->metrics);
    fs_log_init(&link->log, FS_LOG_DEBUG, FS_LOG_TEXT, on_line, link);
    while (wanted.url_count < 4 && options->urls[wanted.url_count])
        wanted.url_count++;
    if (fs_redis_create(&wanted, &link->server, &error) != 0) {
        link->server = NULL;
        on_line(link, FS_LOG_ERROR, error.text);
        return false;
    }
    if (fs_redis_open(link->server, &link->loop.poller, &link->metrics, &link->store) != 0)
        abort();
    link->redis = (struct fs_redis_store *)(void *)link->store;
    return fs_redis_poll_until_ready(&link->loop, link->store, wait_ms);
}

void fs_link_close(struct fs_link_fixture *link)
{
    if (link->redis)
        fs_redis_store_destroy(link->redis);
    if (link->server)
        fs_redis_destroy(link->server);
    link->redis = NULL;
    link->server = NULL;
    fs_topology_dispose(&link->topology);
}

static void on_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_asked *asked = FS_CONTAINER_OF(call, struct fs_asked, call);
    size_t len =
        reply->text.len < sizeof(asked->text) - 1 ? reply->text.len : sizeof(asked->text) - 1;

    asked->answer_count++;
    asked->was_early = asked->in_command;
    asked->kind = reply->kind;
    asked->integer = reply->integer;
    asked->item_count = reply->item_count;
    if (len > 0)
        memcpy(asked->text, reply->text.data, len);
    asked->text[len] = '\0';
    asked->order = ++asked->link->answer_count;
    asked->answered_at_us = fs_clock_now_us();
    if (asked->then)
        asked->then(asked);
}

static void prepare(struct fs_link_fixture *link, struct fs_asked *asked)
{
    void (*then)(struct fs_asked *) = asked->then;

    memset(asked, 0, sizeof(*asked));
    asked->then = then;
    asked->link = link;
    asked->call.done = on_done;
    asked->in_command = true;
}

static size_t split(const char *line, struct fs_text words[WORDS_MAX])
{
    size_t count = 0;

    while (*line && count < WORDS_MAX) {
        words[count] = (struct fs_text){line, strcspn(line, " ")};
        line += words[count].len;
        line += *line == ' ';
        count++;
    }
    return count;
}

void fs_link_command(struct fs_link_fixture *link, struct fs_asked *asked, const char *line,
                     uint64_t deadline_us)
{
    struct fs_text words[WORDS_MAX];
    size_t count = split(line, words);

    assert(count > 0);
    prepare(link, asked);
    link->store->type->command(link->store, &asked->call, words[count > 1 ? 1 : 0], deadline_us,
                               count, words);
    asked->in_command = false;
}

void fs_link_script(struct fs_link_fixture *link, struct fs_asked *asked,
                    const struct fs_script *script, size_t key_count, const char *line,
                    uint64_t deadline_us)
{
    struct fs_text words[WORDS_MAX];
    size_t count = split(line, words);

    prepare(link, asked);
    link->store->type->script(link->store, &asked->call, script, deadline_us, key_count, count,
                              words);
    asked->in_command = false;
}

void fs_link_await(struct fs_link_fixture *link, const struct fs_asked *asked)
{
    uint64_t until_us = fs_clock_now_us() + AWAIT_US;

    link->store->type->flush(link->store);
    while (asked->answer_count == 0) {
        if (fs_clock_now_us() > until_us) {
            fprintf(stderr, "\na call was never answered\n%s", link->log_text);
            abort();
        }
        fs_redis_poll_turn(&link->loop, link->store, 20);
        link->turn_count++;
    }
}

void fs_link_turn_for(struct fs_link_fixture *link, int ms)
{
    uint64_t until_us = fs_clock_now_us() + (uint64_t)ms * 1000;

    do
        fs_redis_poll_turn(&link->loop, link->store, ms < 10 ? ms : 10);
    while (fs_clock_now_us() < until_us);
}

bool fs_link_turn_until(struct fs_link_fixture *link, bool (*holds)(const void *data),
                        const void *data)
{
    uint64_t until_us = fs_clock_now_us() + FS_LINK_PATIENCE_MS * UINT64_C(1000);

    while (!holds(data) && fs_clock_now_us() < until_us)
        fs_redis_poll_turn(&link->loop, link->store, 5);
    return holds(data);
}

/* The resolver and the finder log on threads of their own. */
static bool has_logged(struct fs_link_fixture *link, const char *text)
{
    bool has;

    pthread_mutex_lock(&link->log_mutex);
    has = strstr(link->log_text, text) != NULL;
    pthread_mutex_unlock(&link->log_mutex);
    return has;
}

bool fs_link_await_log(struct fs_link_fixture *link, const char *text)
{
    uint64_t until_us = fs_clock_now_us() + FS_LINK_PATIENCE_MS * UINT64_C(1000);

    while (!has_logged(link, text) && fs_clock_now_us() < until_us)
        fs_redis_poll_turn(&link->loop, link->store, 5);
    return has_logged(link, text);
}

void fs_link_ask(struct fs_link_fixture *link, struct fs_asked *asked, const char *line)
{
    fs_link_command(link, asked, line, 0);
    fs_link_await(link, asked);
}
