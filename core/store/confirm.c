/* WAIT and INFO replication behind the commands of a turn, on their own connection.
 *
 * WAIT answers how many replicas have acknowledged all that the primary's history held when the last
 * command of this connection ran, whoever wrote it (Redis sets a client's offset behind each command,
 * a reading one too).  So an answer that rests on a sale of another connection is kept back as well,
 * and a replayed decision on a new connection is as safe as the first.
 *
 * Scripts may not use WAIT, and while it waits Redis reads nothing more of this connection: so one is
 * asked at a time, and what comes meanwhile goes out together behind it.
 *
 * WAIT counts any replica, also one that will not be promoted, and a primary that was replaced may still
 * have some: in the same round trip INFO says whether the server still is a primary, and how many follow
 * it.  All of these must have acknowledged, and as many as are configured.  With redis.wait_replicas at
 * the number of replicas that there are, whichever is promoted has all that was told.
 *
 * Too few replicas in time: the commands ran, and their decisions may be lost with the primary.  They are
 * answered FS_REPLY_LOST; who asks again gets the same decision, and another wait.  What Redis refused
 * to run needs no replica. */
#include "store/confirm.h"

#include <stdio.h>
#include <string.h>

#include "store/request.h"

#define NUMBER_SIZE 24

static void give_up(struct fs_request *request)
{
    struct fs_connection *connection = request->connection;

    if (request->call) {
        fs_call_append(&connection->settings->answers->lost, request->call);
        connection->lost_count++;
    }
    fs_request_give(request);
}

/* Those that the answer is about: the ones queued before it was asked. */
static void end_held(struct fs_connection *connection, uint64_t answered, bool is_confirmed)
{
    struct fs_link kept;
    struct fs_link *link;

    fs_link_init(&kept);
    while ((link = fs_link_shift(&connection->held))) {
        struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);

        if (request->queued_at_wait >= answered)
            fs_link_append(&kept, link);
        else if (is_confirmed && request->call)
            fs_link_append(&connection->settings->answers->replied, link);
        else
            give_up(request);
    }
    fs_link_splice(&connection->held, &kept);
}

static void on_wait(redisAsyncContext *context, void *object, void *data)
{
    struct fs_connection *connection = data;
    const struct fs_reply *reply;

    (void)context;
    if (!object)
        return; /* the connection has ended */
    reply = fs_reply_reader_take(&connection->reader, object);
    connection->replicas_confirmed = reply->kind == FS_REPLY_INTEGER ? reply->integer : -1;
}

/* Replicas that follow this server now, as INFO lists them; false: it is no primary. */
static bool read_replicas(struct fs_text info, unsigned *count)
{
    static const char online[] = ",state=online,";
    const char *at = info.data;
    const char *end = info.data + info.len;

    *count = 0;
    if (!memmem(info.data, info.len, "role:master", 11))
        return false;
    while ((at = memmem(at, (size_t)(end - at), online, sizeof(online) - 1)) != NULL) {
        (*count)++;
        at += sizeof(online) - 1;
    }
    return true;
}

/* The last replica that a failover can promote must have it as well: so all that follow are asked for, and
 * as many as were configured, since one that has left already may be the next primary. */
static void on_info(redisAsyncContext *context, void *object, void *data)
{
    struct fs_connection *connection = data;
    const struct fs_reply *reply;
    unsigned count = 0;
    bool is_primary;

    (void)context;
    if (!object)
        return;
    reply = fs_reply_reader_take(&connection->reader, object);
    is_primary = reply->kind == FS_REPLY_TEXT && read_replicas(reply->text, &count);
    connection->is_readonly |= reply->kind == FS_REPLY_TEXT && !is_primary;
    connection->replicas_seen = count;
    connection->wait_answered++;
    end_held(connection, connection->wait_answered,
             is_primary && connection->replicas_confirmed >= (int64_t)count &&
                 connection->replicas_confirmed >= (int64_t)connection->settings->wait_replicas);
}

static int ask(struct fs_connection *connection, redisCallbackFn *done, size_t count,
               const char **words)
{
    size_t lens[3];

    for (size_t i = 0; i < count; i++)
        lens[i] = strlen(words[i]);
    if (redisAsyncCommandArgv(connection->context, done, connection, (int)count, words, lens) !=
        REDIS_OK) {
        fs_connection_fail(connection, "out of memory");
        return -1;
    }
    connection->reader.awaited++;
    return 0;
}

bool fs_confirm_before_write(struct fs_connection *connection)
{
    const struct fs_connection_settings *settings = connection->settings;
    unsigned wanted = settings->wait_replicas > connection->replicas_seen
                          ? settings->wait_replicas
                          : connection->replicas_seen;
    char replicas[NUMBER_SIZE];
    char timeout[NUMBER_SIZE];

    if (settings->wait_replicas == 0 || connection->state != FS_CONNECTION_READY)
        return true;
    if (connection->wait_asked > connection->wait_answered)
        return false;
    snprintf(replicas, sizeof(replicas), "%u", wanted);
    snprintf(timeout, sizeof(timeout), "%u", settings->wait_timeout_ms);
    if (ask(connection, on_wait, 3, (const char *[]){"WAIT", replicas, timeout}) != 0 ||
        ask(connection, on_info, 2, (const char *[]){"INFO", "replication"}) != 0)
        return false;
    connection->wait_asked++;
    connection->is_unconfirmed = false;
    return true;
}

bool fs_confirm_is_wanted(const struct fs_connection *connection, const struct fs_reply *reply)
{
    return connection->settings->wait_replicas > 0 && reply->kind != FS_REPLY_REFUSED;
}

void fs_confirm_hold(struct fs_request *request)
{
    fs_link_append(&request->connection->held, &request->link);
}

void fs_confirm_drop(struct fs_connection *connection)
{
    end_held(connection, UINT64_MAX, false);
    connection->wait_asked = connection->wait_answered;
}
