/* A table under a mutex, which is taken when a connection comes or goes, and for an error of the server. */
#include "metrics/nodes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"

#define RECENT_MS 10000

struct fs_nodes {
    pthread_mutex_t mutex;
    struct fs_node_state list[FS_STORE_NODES_MAX]; /* free where up and down are 0 */
};

int fs_nodes_create(struct fs_nodes **nodes)
{
    struct fs_nodes *new = calloc(1, sizeof(*new));

    if (!new)
        return -ENOMEM;
    pthread_mutex_init(&new->mutex, NULL);
    *nodes = new;
    return 0;
}

void fs_nodes_destroy(struct fs_nodes *nodes)
{
    if (!nodes)
        return;
    pthread_mutex_destroy(&nodes->mutex);
    free(nodes);
}

static bool is_free(const struct fs_node_state *state)
{
    return state->up == 0 && state->down == 0;
}

static struct fs_node_state *find(struct fs_nodes *nodes, const char *name)
{
    struct fs_node_state *vacant = NULL;

    for (unsigned i = 0; i < FS_STORE_NODES_MAX; i++) {
        struct fs_node_state *state = &nodes->list[i];

        if (!is_free(state) && strcmp(state->name, name) == 0)
            return state;
        if (is_free(state) && !vacant)
            vacant = state;
    }
    if (vacant) {
        *vacant = (struct fs_node_state){.up = 0};
        snprintf(vacant->name, sizeof(vacant->name), "%s", name);
    }
    return vacant;
}

static void stand_up(struct fs_nodes *nodes, struct fs_node_seat *seat)
{
    struct fs_node_state *state = seat->index ? &nodes->list[seat->index - 1] : NULL;

    if (state && seat->is_up)
        state->up--;
    else if (state)
        state->down--;
    if (state && state->down == 0)
        state->down_since_ms = 0;
    seat->index = 0;
}

/* state NULL: the table is full, and nothing is noted. */
static void sit_down(const struct fs_nodes *nodes, struct fs_node_seat *seat,
                     struct fs_node_state *state, bool is_up)
{
    if (!state)
        return;
    seat->index = (unsigned)(state - nodes->list) + 1;
    seat->is_up = is_up;
    if (is_up)
        state->up++;
    else if (state->down++ == 0)
        state->down_since_ms = fs_clock_wall_ms();
}

void fs_nodes_note(struct fs_nodes *nodes, struct fs_node_seat *seat, const char *name, bool is_up,
                   const char *problem)
{
    struct fs_node_state *state;

    if (!nodes)
        return;
    pthread_mutex_lock(&nodes->mutex);
    state = find(nodes, name);
    if (!state || seat->index != (unsigned)(state - nodes->list) + 1 || seat->is_up != is_up) {
        stand_up(nodes, seat);
        sit_down(nodes, seat, state, is_up);
    }
    if (state && !is_up)
        snprintf(state->problem, sizeof(state->problem), "%s", problem);
    pthread_mutex_unlock(&nodes->mutex);
}

void fs_nodes_leave(struct fs_nodes *nodes, struct fs_node_seat *seat)
{
    if (!nodes || !seat->index)
        return;
    pthread_mutex_lock(&nodes->mutex);
    stand_up(nodes, seat);
    pthread_mutex_unlock(&nodes->mutex);
}

void fs_nodes_note_refusal(struct fs_nodes *nodes, const struct fs_node_seat *seat,
                           struct fs_text error)
{
    struct fs_node_state *state;

    if (!nodes || !seat->index)
        return;
    pthread_mutex_lock(&nodes->mutex);
    state = &nodes->list[seat->index - 1];
    snprintf(state->refusal, sizeof(state->refusal), "%.*s",
             (int)(error.len < FS_NODE_TEXT_SIZE ? error.len : FS_NODE_TEXT_SIZE - 1), error.data);
    state->refused_at_ms = fs_clock_wall_ms();
    pthread_mutex_unlock(&nodes->mutex);
}

unsigned fs_nodes_copy(struct fs_nodes *nodes, struct fs_node_state *into, unsigned max)
{
    unsigned count = 0;

    if (!nodes)
        return 0;
    pthread_mutex_lock(&nodes->mutex);
    for (unsigned i = 0; i < FS_STORE_NODES_MAX && count < max; i++)
        if (!is_free(&nodes->list[i]))
            into[count++] = nodes->list[i];
    pthread_mutex_unlock(&nodes->mutex);
    return count;
}

bool fs_nodes_trouble(struct fs_nodes *nodes, char *into, size_t size)
{
    int64_t now_ms = fs_clock_wall_ms();
    const struct fs_node_state *worst = NULL;
    const char *why = NULL;

    if (!nodes)
        return false;
    pthread_mutex_lock(&nodes->mutex);
    for (unsigned i = 0; i < FS_STORE_NODES_MAX; i++) {
        const struct fs_node_state *state = &nodes->list[i];
        bool is_down = state->down > 0;
        bool refuses = state->refused_at_ms > now_ms - RECENT_MS;

        if (is_free(state) || (!is_down && !refuses) || (worst && worst->down >= state->down))
            continue;
        worst = state;
        why = is_down ? state->problem : state->refusal;
    }
    if (worst)
        snprintf(into, size, "Redis at %s: %s", worst->name, why);
    pthread_mutex_unlock(&nodes->mutex);
    return worst != NULL;
}
