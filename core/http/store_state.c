/* The state of each server of the store as JSON, and as the reason of a 503. */
#include "http/store_state.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "http/answer.h"
#include "metrics/nodes.h"

/* Texts are escaped: a byte may become six. */
#define STATE_SIZE (6 * (FS_NODE_LABEL_SIZE + 2 * FS_NODE_TEXT_SIZE) + 256)

static unsigned copy(const struct fs_exchange *exchange, struct fs_node_state **states)
{
    struct fs_nodes *nodes = exchange->http->server->nodes;

    if (!nodes)
        return 0;
    *states = h2o_mem_alloc_pool(&exchange->req->pool, FS_STORE_NODES_MAX * sizeof(**states));
    return fs_nodes_copy(nodes, *states, FS_STORE_NODES_MAX);
}

size_t fs_store_state_size(const struct fs_exchange *exchange)
{
    return exchange->http->server->nodes ? (FS_STORE_NODES_MAX + 1) * STATE_SIZE : 0;
}

static void add_text(struct fs_buffer *body, const char *name, const char *text)
{
    fs_buffer_add_format(body, ",\"%s\":", name);
    fs_buffer_add_json(body, fs_text_of(text));
}

static void add_one(struct fs_buffer *body, const struct fs_node_state *state)
{
    fs_buffer_add(body, FS_TEXT("{\"node\":"));
    fs_buffer_add_json(body, fs_text_of(state->name));
    fs_buffer_add_format(body, ",\"up\":%s,\"loops_up\":%u,\"loops_down\":%u",
                         state->down == 0 ? "true" : "false", state->up, state->down);
    if (state->down > 0) {
        fs_buffer_add(body, FS_TEXT(",\"down_since\":"));
        fs_answer_add_time(body, state->down_since_ms);
        add_text(body, "problem", state->problem);
    }
    if (state->refusal[0]) {
        add_text(body, "last_refusal", state->refusal);
        fs_buffer_add(body, FS_TEXT(",\"refused_at\":"));
        fs_answer_add_time(body, state->refused_at_ms);
    }
    fs_buffer_add(body, FS_TEXT("}"));
}

void fs_store_state_add(struct fs_buffer *body, const struct fs_exchange *exchange)
{
    struct fs_node_state *states = NULL;
    unsigned count = copy(exchange, &states);

    if (count == 0)
        return;
    fs_buffer_add(body, FS_TEXT(",\"stores\":["));
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            fs_buffer_add(body, FS_TEXT(","));
        add_one(body, &states[i]);
    }
    fs_buffer_add(body, FS_TEXT("]"));
}

void fs_store_state_fail(struct fs_exchange *exchange)
{
    char trouble[FS_NODE_LABEL_SIZE + FS_NODE_TEXT_SIZE + 32];
    char detail[sizeof(trouble) + 64];

    if (fs_nodes_trouble(exchange->http->server->nodes, trouble, sizeof(trouble)))
        snprintf(detail, sizeof(detail), "The strategy could not decide a purchase now. %s",
                 trouble);
    else
        snprintf(detail, sizeof(detail),
                 "The strategy could not decide a purchase now; the log may say why.");
    fs_exchange_fail(exchange, FS_PROBLEM_NOT_READY, fs_text_of(detail));
}
