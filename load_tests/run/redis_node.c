/* Redis by hiredis' blocking calls: the sampler's thread has nothing else to do. */
#include "run/redis_node.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#define TIMEOUT_S 2
#define SCAN_COUNT "512"
#define SCAN_STEPS_MAX 16 /* a look once a second must cost Redis nothing that shows */

struct fs_redis_node {
    redisContext *context; /* owned */
};

struct place {
    char host[256]; /* or path */
    int port;       /* 0: unix socket */
    char user[128];
    char password[256];
    int db;
};

static int split_credentials(struct place *place, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);

    if (!colon || (size_t)(colon - text) >= sizeof(place->user) ||
        len - (size_t)(colon - text) > sizeof(place->password))
        return -EINVAL;
    snprintf(place->user, sizeof(place->user), "%.*s", (int)(colon - text), text);
    snprintf(place->password, sizeof(place->password), "%.*s", (int)(text + len - colon - 1),
             colon + 1);
    return 0;
}

/* host:port[/db], or [v6]:port[/db] */
static int split_host(struct place *place, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end;

    if (text[0] == '[' && len > 2 && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(place->host))
        return -EINVAL;
    snprintf(place->host, sizeof(place->host), "%.*s", (int)len, text);
    place->port = (int)strtol(colon + 1, &end, 10);
    if (*end == '/')
        place->db = (int)strtol(end + 1, &end, 10);
    return *end == '\0' && place->port > 0 && place->port < 65536 && place->db >= 0 ? 0 : -EINVAL;
}

static int read_url(struct place *place, const char *url)
{
    const char *at;

    *place = (struct place){0};
    if (strncmp(url, "unix:", 5) == 0 && strlen(url) < sizeof(place->host)) {
        snprintf(place->host, sizeof(place->host), "%s", url + 5);
        return 0;
    }
    if (strncmp(url, "redis://", 8) != 0)
        return -EINVAL;
    url += 8;
    at = strrchr(url, '@');
    if (at && split_credentials(place, url, (size_t)(at - url)) != 0)
        return -EINVAL;
    return split_host(place, at ? at + 1 : url);
}

static int ask_ok(redisContext *context, int argc, const char **argv)
{
    redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
    int rc = reply && reply->type == REDIS_REPLY_STATUS ? 0 : -EACCES;

    freeReplyObject(reply);
    return rc;
}

static int enter(redisContext *context, const struct place *place)
{
    char db[16];
    int rc = 0;

    snprintf(db, sizeof(db), "%d", place->db);
    if (place->user[0] != '\0')
        rc = ask_ok(context, 3, (const char *[]){"AUTH", place->user, place->password});
    else if (place->password[0] != '\0')
        rc = ask_ok(context, 2, (const char *[]){"AUTH", place->password});
    if (rc == 0 && place->db > 0)
        rc = ask_ok(context, 2, (const char *[]){"SELECT", db});
    return rc;
}

int fs_redis_node_open(struct fs_redis_node **node, const char *url, const char *secret,
                       char error[FS_REDIS_ERROR_SIZE])
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct place place;
    struct fs_redis_node *new;
    int rc;

    if (read_url(&place, url) != 0) {
        snprintf(error, FS_REDIS_ERROR_SIZE,
                 "%.100s is no Redis: use redis://[user:password@]host:port[/db] or unix:/path",
                 url);
        return -EINVAL;
    }
    if (place.password[0] == '\0')
        snprintf(place.password, sizeof(place.password), "%s", secret);
    new = calloc(1, sizeof(*new));
    if (!new)
        return -ENOMEM;
    new->context = place.port == 0 ? redisConnectUnixWithTimeout(place.host, timeout)
                                   : redisConnectWithTimeout(place.host, place.port, timeout);
    rc = !new->context ? -ENOMEM : new->context->err ? -ECONNREFUSED : 0;
    if (rc == 0) {
        redisSetTimeout(new->context, timeout);
        rc = enter(new->context, &place);
    }
    explicit_bzero(&place, sizeof(place));
    if (rc != 0) {
        snprintf(error, FS_REDIS_ERROR_SIZE, "%.100s: %s", url,
                 rc == -EACCES ? "the password was refused" : "no Redis answers there");
        fs_redis_node_close(new);
        return rc;
    }
    *node = new;
    return 0;
}

void fs_redis_node_close(struct fs_redis_node *node)
{
    if (!node)
        return;
    if (node->context)
        redisFree(node->context);
    free(node);
}

char *fs_redis_node_info(struct fs_redis_node *node)
{
    redisReply *reply = redisCommand(node->context, "INFO everything");
    char *text = NULL;

    if (reply && reply->type == REDIS_REPLY_STRING)
        text = strndup(reply->str, (size_t)reply->len);
    freeReplyObject(reply);
    return text;
}

double fs_redis_info_value(const char *info, const char *field)
{
    size_t len = strlen(field);

    for (const char *at = info; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, field, len) == 0 && at[len] == ':')
            return strtod(at + len + 1, NULL);
    }
    return NAN;
}

static int64_t unlink_all(struct fs_redis_node *node, const redisReply *keys)
{
    int64_t count = 0;

    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        redisReply *reply = redisCommand(node->context, "UNLINK %b", key->str, (size_t)key->len);

        count += reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
        freeReplyObject(reply);
    }
    return count;
}

/* One SCAN from *cursor on, which it moves.  Returns keys found (or removed), or -EIO. */
static int64_t scan(struct fs_redis_node *node, const char *pattern, char cursor[32], bool removes)
{
    redisReply *reply =
        redisCommand(node->context, "SCAN %s MATCH %s COUNT " SCAN_COUNT, cursor, pattern);
    int64_t count = -EIO;

    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_ARRAY) {
        snprintf(cursor, 32, "%s", reply->element[0]->str);
        count =
            removes ? unlink_all(node, reply->element[1]) : (int64_t)reply->element[1]->elements;
    }
    freeReplyObject(reply);
    return count;
}

int64_t fs_redis_node_count(struct fs_redis_node *node, const char *pattern)
{
    char cursor[32] = "0";
    int64_t sum = 0;

    for (int step = 0; step < SCAN_STEPS_MAX; step++) {
        int64_t count = scan(node, pattern, cursor, false);

        if (count < 0)
            return -1;
        sum += count;
        if (strcmp(cursor, "0") == 0)
            return sum;
    }
    return -1;
}

int64_t fs_redis_node_delete(struct fs_redis_node *node, const char *pattern)
{
    char cursor[32] = "0";
    int64_t sum = 0;

    do {
        int64_t count = scan(node, pattern, cursor, true);

        if (count < 0)
            return count;
        sum += count;
    } while (strcmp(cursor, "0") != 0);
    return sum;
}
