/* Asks a node of a Redis Cluster for the cluster's state and slots. */
#include "store/cluster_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/session.h"

void fs_cluster_node_at(const struct fs_node *seed, const struct fs_cluster_node *node,
                        struct fs_node *into)
{
    memset(into, 0, sizeof(*into));
    into->user = seed->user;
    into->password = seed->password;
    into->port = node->port;
    snprintf(into->name, sizeof(into->name), strchr(node->host, ':') ? "[%.110s]:%d" : "%.110s:%d",
             node->host, node->port);
    if (node->address[0]) {
        memcpy(into->at.list[0], node->address, sizeof(into->at.list[0]));
        into->at.count = 1;
    }
}

/* hiredis' reply as a strategy would see it; its texts stay where they are.  False: no memory, and
 * then as with true what was made is to be freed. */
static bool convert(const redisReply *from, struct fs_reply *to)
{
    struct fs_reply *items;

    *to = (struct fs_reply){.kind = FS_REPLY_NIL};
    switch (from->type) {
    case REDIS_REPLY_INTEGER:
        *to = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = from->integer};
        return true;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        *to = (struct fs_reply){.kind = FS_REPLY_TEXT, .text = {from->str, (size_t)from->len}};
        return true;
    case REDIS_REPLY_ERROR:
        *to = (struct fs_reply){.kind = FS_REPLY_ERROR, .text = {from->str, (size_t)from->len}};
        return true;
    case REDIS_REPLY_ARRAY:
        break;
    default:
        return true;
    }
    items = calloc((size_t)from->elements + 1, sizeof(*items));
    if (!items)
        return false;
    *to = (struct fs_reply){.kind = FS_REPLY_LIST, .items = items};
    for (size_t i = 0; i < from->elements; i++) {
        to->item_count++;
        if (!convert(from->element[i], &items[i]))
            return false;
    }
    return true;
}

static void free_converted(const struct fs_reply *reply)
{
    for (size_t i = 0; i < reply->item_count; i++)
        free_converted(&reply->items[i]);
    free((void *)(uintptr_t)reply->items);
}

/* The number behind "name:" in the answer to CLUSTER INFO. */
static uint64_t info_number(const char *info, const char *name)
{
    const char *at = strstr(info, name);

    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int no_answer(const struct fs_node *node, const redisContext *session,
                     const redisReply *reply, struct fs_error *error)
{
    bool is_error = reply && reply->type == REDIS_REPLY_ERROR;

    snprintf(error->text, sizeof(error->text),
             is_error ? "Redis at %s refuses CLUSTER (allow the user +cluster): %s"
                      : "Redis at %s does not answer: %s",
             node->name, is_error ? reply->str : session->errstr);
    return is_error ? -EACCES : -EIO;
}

static int ask_info(const struct fs_node *node, redisContext *session, struct fs_cluster_view *view,
                    struct fs_error *error)
{
    redisReply *reply = fs_session_ask(session, "CLUSTER", "INFO", (char *)NULL);
    int rc = 0;

    if (reply && reply->type == REDIS_REPLY_STRING) {
        view->epoch = info_number(reply->str, "cluster_current_epoch:");
        view->is_ok = strstr(reply->str, "cluster_state:ok") != NULL;
    } else {
        rc = no_answer(node, session, reply, error);
    }
    if (reply)
        freeReplyObject(reply);
    return rc;
}

static int ask_slots(const struct fs_node *node, redisContext *session,
                     struct fs_cluster_view *view, struct fs_error *error)
{
    const char *asked_host = node->at.count > 0 ? node->at.list[0] : "127.0.0.1";
    redisReply *reply = fs_session_ask(session, "CLUSTER", "SLOTS", (char *)NULL);
    struct fs_reply slots;
    int rc;

    if (!reply || reply->type != REDIS_REPLY_ARRAY)
        rc = no_answer(node, session, reply, error);
    else if (!convert(reply, &slots))
        rc = -ENOMEM;
    else
        rc = fs_cluster_map_read(&slots, asked_host, &view->map, error);
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        free_converted(&slots);
    if (reply)
        freeReplyObject(reply);
    return rc;
}

/* A name that nobody resolves leaves its node without an address: not to be reached. */
static void resolve(struct fs_cluster_node *node)
{
    struct fs_addresses found;

    if (!node->address[0] && fs_lookup_system(NULL, node->host, &found) == 0)
        memcpy(node->address, found.list[0], sizeof(node->address));
}

int fs_cluster_ask(const struct fs_node *node, uint64_t timeout_us, struct fs_cluster_view *view,
                   struct fs_error *error)
{
    redisContext *session = NULL;
    int rc = fs_session_open(node, timeout_us, &session, error);

    if (rc != 0)
        return rc;
    rc = ask_info(node, session, view, error);
    if (rc == 0)
        rc = ask_slots(node, session, view, error);
    fs_session_close(session);
    for (unsigned i = 0; rc == 0 && i < view->map.node_count; i++)
        resolve(&view->map.nodes[i]);
    for (unsigned i = 0; rc == 0 && i < view->map.replica_count; i++)
        resolve(&view->map.replicas[i]);
    return rc;
}
