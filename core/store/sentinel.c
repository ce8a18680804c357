/* SENTINEL GET-MASTER-ADDR-BY-NAME, and ROLE of who is named, as the guidelines for clients of Sentinel
 * have it (https://redis.io/docs/reference/sentinel-clients/).
 *
 * A sentinel may ask for a password: it is tried with none first, then with the server's. */
#include "store/sentinel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/cluster_ask.h"
#include "store/session.h"

__attribute__((format(printf, 2, 3))) static int again(struct fs_error *error, const char *format,
                                                       ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -EAGAIN;
}

static int open_sentinel(const struct fs_node *node, unsigned index, uint64_t timeout_us,
                         redisContext **session, struct fs_error *error)
{
    const char *host = node->sentinels->list[index].host;
    struct fs_node sentinel = {.port = node->sentinels->list[index].port};
    int rc;

    snprintf(sentinel.name, sizeof(sentinel.name), "%.100s:%d (a sentinel)", host, sentinel.port);
    if (fs_lookup_system(NULL, host, &sentinel.at) != 0)
        return again(error, "the sentinel %s has no address", sentinel.name);
    rc = fs_session_open(&sentinel, timeout_us, session, error);
    if (rc != -EACCES || !node->password)
        return rc;
    sentinel.user = node->user;
    sentinel.password = node->password;
    return fs_session_open(&sentinel, timeout_us, session, error);
}

static int ask_address(const struct fs_node *node, unsigned index, redisContext *session,
                       struct fs_cluster_node *found, struct fs_error *error)
{
    const struct fs_sentinels *sentinels = node->sentinels;
    struct fs_addresses addresses = {.count = 0};
    redisReply *reply = fs_session_ask(session, "SENTINEL", "get-master-addr-by-name",
                                       sentinels->master, (char *)NULL);
    uint64_t port = 0;
    int rc = 0;

    memset(found, 0, sizeof(*found));
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        fs_text_to_u64(fs_text_of(reply->element[1]->str), UINT16_MAX, &port) != 0)
        rc = again(error,
                   reply && reply->type == REDIS_REPLY_NIL
                       ? "the sentinel at %s:%d knows no primary called %s"
                       : "the sentinel at %s:%d does not say where %s is",
                   sentinels->list[index].host, sentinels->list[index].port, sentinels->master);
    else if (reply->element[0]->len >= sizeof(found->host) ||
             fs_lookup_system(NULL, reply->element[0]->str, &addresses) != 0)
        rc = again(error, "the primary %s has no address: the sentinels call it %.200s",
                   sentinels->master, reply->element[0]->str);
    else
        memcpy(found->host, reply->element[0]->str, reply->element[0]->len);
    memcpy(found->address, addresses.list[0], sizeof(found->address));
    found->port = (int)port;
    if (reply)
        freeReplyObject(reply);
    return rc;
}

static int check_role(const struct fs_node *node, const struct fs_cluster_node *found,
                      uint64_t timeout_us, struct fs_error *error)
{
    struct fs_node server;
    redisContext *session = NULL;
    redisReply *reply;
    int rc;

    fs_cluster_node_at(node, found, &server);
    rc = fs_session_open(&server, timeout_us, &session, error);
    if (rc != 0)
        return rc == -EIO ? -EAGAIN : rc;
    reply = fs_session_ask(session, "INFO", "replication", (char *)NULL);
    if (!reply || reply->type != REDIS_REPLY_STRING)
        rc = again(error, "Redis at %s does not tell its role (allow the user +info)", server.name);
    else if (!strstr(reply->str, "role:master"))
        rc = again(error, "Redis at %s, which the sentinels name for %s, is a replica", server.name,
                   node->sentinels->master);
    if (reply)
        freeReplyObject(reply);
    fs_session_close(session);
    return rc;
}

/* Where sentinels say that the primary is, and how many say so. */
struct votes {
    struct fs_cluster_node named[FS_STORE_SENTINELS_MAX];
    unsigned counts[FS_STORE_SENTINELS_MAX];
    unsigned named_count;
};

/* How many name the same server now. */
static unsigned count_vote(struct votes *votes, const struct fs_cluster_node *found)
{
    unsigned at = 0;

    while (at < votes->named_count && (votes->named[at].port != found->port ||
                                       strcmp(votes->named[at].address, found->address) != 0))
        at++;
    if (at == votes->named_count) {
        votes->named[at] = *found;
        votes->counts[at] = 0;
        votes->named_count++;
    }
    return ++votes->counts[at];
}

static int too_few(const struct fs_node *node, const struct votes *votes, unsigned wanted,
                   struct fs_error *error)
{
    unsigned most = 0;

    for (unsigned i = 0; i < votes->named_count; i++)
        most = votes->counts[i] > most ? votes->counts[i] : most;
    if (most == 0)
        return -EAGAIN; /* the last of them said why */
    return again(error,
                 "%u of %u sentinels name the same primary for %s, and %u are needed: the others "
                 "are down, cut off, or have not heard of a failover",
                 most, node->sentinels->count, node->sentinels->master, wanted);
}

int fs_sentinel_ask(const struct fs_node *node, uint64_t timeout_us, unsigned *first,
                    struct fs_cluster_node *found, struct fs_error *error)
{
    unsigned count = node->sentinels->count;
    unsigned wanted = count / 2 + 1;
    struct votes votes = {.named_count = 0};

    for (unsigned i = 0; i < count; i++) {
        unsigned index = (*first + i) % count;
        redisContext *session = NULL;
        int rc = open_sentinel(node, index, timeout_us, &session, error);

        if (rc != 0)
            continue;
        rc = ask_address(node, index, session, found, error);
        fs_session_close(session);
        if (rc == 0 && count_vote(&votes, found) >= wanted) {
            *first = index;
            rc = check_role(node, found, timeout_us, error);
            return rc == -EIO ? -EAGAIN : rc;
        }
    }
    return too_few(node, &votes, wanted, error);
}
