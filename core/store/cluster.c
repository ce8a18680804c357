/* Reads what a Redis Cluster says of itself.
 *
 * CLUSTER SLOTS is deprecated since 7.0 in favour of CLUSTER SHARDS, and the only one of the two that
 * 6.2 has; both tell the same.  An entry is {first slot, last slot, primary, replica ...}, a node is
 * {preferred endpoint, port, id, {"ip", address, "hostname", name}}, the last from 7.0 on
 * (https://redis.io/commands/cluster-slots/).  The preferred endpoint is what the node announces and
 * what redirections name: an address, a name, or nothing where "the one that you asked" is meant. */
#include "store/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static int refuse(struct fs_error *error, int rc, const char *why)
{
    snprintf(error->text, sizeof(error->text), "CLUSTER SLOTS: %s", why);
    return rc;
}

static bool is_numeric(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool copy_text(char *into, size_t size, struct fs_text text)
{
    if (text.len == 0 || text.len >= size || memchr(text.data, '\0', text.len))
        return false;
    memcpy(into, text.data, text.len);
    into[text.len] = '\0';
    return true;
}

/* The value of a name in the list behind a node's id; empty: there is none. */
static struct fs_text metadata(const struct fs_reply *node, const char *name)
{
    const struct fs_reply *list = node->item_count > 3 ? &node->items[3] : NULL;

    for (size_t i = 0; list && list->kind == FS_REPLY_LIST && i + 1 < list->item_count; i += 2)
        if (list->items[i].kind == FS_REPLY_TEXT && list->items[i + 1].kind == FS_REPLY_TEXT &&
            fs_text_equals(list->items[i].text, fs_text_of(name)))
            return list->items[i + 1].text;
    return (struct fs_text){NULL, 0};
}

static bool read_node(const struct fs_reply *reply, const char *asked_host,
                      struct fs_cluster_node *node)
{
    struct fs_text host = fs_text_of(asked_host);
    struct fs_text ip;

    if (reply->kind != FS_REPLY_LIST || reply->item_count < 2 ||
        reply->items[1].kind != FS_REPLY_INTEGER || reply->items[1].integer < 1 ||
        reply->items[1].integer > UINT16_MAX)
        return false;
    if (reply->items[0].kind == FS_REPLY_TEXT && reply->items[0].text.len > 0 &&
        !fs_text_equals(reply->items[0].text, FS_TEXT("?")))
        host = reply->items[0].text;
    memset(node, 0, sizeof(*node));
    node->port = (int)reply->items[1].integer;
    if (!copy_text(node->host, sizeof(node->host), host))
        return false;
    ip = metadata(reply, "ip");
    if (is_numeric(node->host))
        return copy_text(node->address, sizeof(node->address), host);
    if (copy_text(node->address, sizeof(node->address), ip) && !is_numeric(node->address))
        node->address[0] = '\0';
    return true;
}

static bool same_node(const struct fs_cluster_node *a, const struct fs_cluster_node *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The index of a node, which is added when it is new; count: none, there is no room. */
static unsigned add_node(struct fs_cluster_node *nodes, unsigned *count, unsigned max,
                         const struct fs_cluster_node *node)
{
    unsigned at = 0;

    while (at < *count && !same_node(&nodes[at], node))
        at++;
    if (at == *count && *count < max)
        nodes[(*count)++] = *node;
    return at;
}

static int read_range(const struct fs_reply *range, const char *asked_host,
                      struct fs_cluster_map *map, struct fs_error *error)
{
    struct fs_cluster_node node;
    unsigned index;

    if (range->kind != FS_REPLY_LIST || range->item_count < 3 ||
        range->items[0].kind != FS_REPLY_INTEGER || range->items[1].kind != FS_REPLY_INTEGER ||
        range->items[0].integer < 0 || range->items[1].integer >= (int64_t)FS_STORE_SLOT_COUNT ||
        range->items[0].integer > range->items[1].integer ||
        !read_node(&range->items[2], asked_host, &node))
        return refuse(error, -EPROTO, "an entry that makes no sense");
    index = add_node(map->nodes, &map->node_count, FS_STORE_NODES_MAX, &node);
    if (index >= map->node_count)
        return refuse(error, -ENOSPC, "more than 64 primaries");
    memset(map->owners + range->items[0].integer, (int)index + 1,
           (size_t)(range->items[1].integer - range->items[0].integer) + 1);
    for (size_t i = 3; i < range->item_count; i++)
        if (read_node(&range->items[i], asked_host, &node))
            add_node(map->replicas, &map->replica_count, FS_CLUSTER_REPLICAS_MAX, &node);
    return 0;
}

int fs_cluster_map_read(const struct fs_reply *slots, const char *asked_host,
                        struct fs_cluster_map *map, struct fs_error *error)
{
    int rc = 0;

    memset(map, 0, sizeof(*map));
    if (slots->kind != FS_REPLY_LIST)
        return refuse(error, -EPROTO, "the answer is no list");
    for (size_t i = 0; i < slots->item_count && rc == 0; i++)
        rc = read_range(&slots->items[i], asked_host, map, error);
    return rc;
}

unsigned fs_cluster_map_hole(const struct fs_cluster_map *map)
{
    const uint8_t *hole = memchr(map->owners, 0, sizeof(map->owners));

    return hole ? (unsigned)(hole - map->owners) : FS_STORE_SLOT_COUNT;
}

bool fs_cluster_map_same(const struct fs_cluster_map *a, const struct fs_cluster_map *b)
{
    return a->node_count == b->node_count && a->replica_count == b->replica_count &&
           memcmp(a->owners, b->owners, sizeof(a->owners)) == 0 &&
           memcmp(a->nodes, b->nodes, a->node_count * sizeof(a->nodes[0])) == 0 &&
           memcmp(a->replicas, b->replicas, a->replica_count * sizeof(a->replicas[0])) == 0;
}

static struct fs_text next_word(struct fs_text *rest)
{
    const char *space = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
    struct fs_text word = {rest->data, space ? (size_t)(space - rest->data) : rest->len};
    size_t taken = word.len + (space ? 1 : 0);

    rest->data += taken;
    rest->len -= taken;
    return word;
}

/* "slot host:port"; an IPv6 address has no brackets here. */
static bool read_place(struct fs_text rest, struct fs_redirect *redirect)
{
    struct fs_text slot_text = next_word(&rest);
    struct fs_text place = next_word(&rest);
    const char *colon = place.len ? memrchr(place.data, ':', place.len) : NULL;
    struct fs_text port_text;
    uint64_t slot;
    uint64_t port;

    if (!colon || fs_text_to_u64(slot_text, FS_STORE_SLOT_COUNT - 1, &slot) != 0)
        return false;
    redirect->host = (struct fs_text){place.data, (size_t)(colon - place.data)};
    port_text = (struct fs_text){colon + 1, place.len - redirect->host.len - 1};
    if (fs_text_to_u64(port_text, UINT16_MAX, &port) != 0 || port == 0)
        return false;
    if (fs_text_equals(redirect->host, FS_TEXT("?")))
        redirect->host.len = 0;
    redirect->slot = (unsigned)slot;
    redirect->port = (int)port;
    return true;
}

bool fs_redirect_read(struct fs_text error, struct fs_redirect *redirect)
{
    struct fs_text rest = error;
    struct fs_text code = next_word(&rest);

    *redirect = (struct fs_redirect){.kind = FS_REDIRECT_NONE};
    if (fs_text_equals(code, FS_TEXT("TRYAGAIN"))) {
        redirect->kind = FS_REDIRECT_TRYAGAIN;
        return true;
    }
    if (fs_text_equals(code, FS_TEXT("MOVED")))
        redirect->kind = FS_REDIRECT_MOVED;
    else if (fs_text_equals(code, FS_TEXT("ASK")))
        redirect->kind = FS_REDIRECT_ASK;
    return redirect->kind != FS_REDIRECT_NONE && read_place(rest, redirect);
}
