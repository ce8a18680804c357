/* WAIT behind the commands of a turn, on their own connection.
 *
 * WAIT answers how many replicas have acknowledged all that the primary's history held when the last
 * command of this connection ran, whoever wrote it (Redis sets a client's offset behind each command,
 * a reading one too).  So an answer that rests on a sale of another connection is kept back as well,
 * and a replayed decision on a new connection is as safe as the first.
 *
 * Scripts may not use WAIT, and while it waits Redis reads nothing more of this connection: so one is
 * asked at a time, and what comes meanwhile goes out together behind it.
 *
 * Too few replicas in time: the commands ran, and their decisions may be lost with the primary.  They are
 * answered FS_REPLY_LOST; who asks again gets the same decision, and another wait.  What Redis refused
 * to run needs no replica. */
#include "store/confirm.h"

#include <stdio.h>

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
    bool is_confirmed;

    (void)context;
    if (!object)
        return; /* the connection has ended */
    reply = fs_reply_reader_take(&connection->reader, object);
    is_confirmed = reply->kind == FS_REPLY_INTEGER &&
                   reply->integer >= (int64_t)connection->settings->wait_replicas;
    connection->wait_answered++;
    end_held(connection, connection->wait_answered, is_confirmed);
}

bool fs_confirm_before_write(struct fs_connection *connection)
{
    const struct fs_connection_settings *settings = connection->settings;
    char replicas[NUMBER_SIZE];
    char timeout[NUMBER_SIZE];
    const char *words[3] = {"WAIT", replicas, timeout};
    size_t lens[3] = {4};

    if (settings->wait_replicas == 0 || connection->state != FS_CONNECTION_READY)
        return true;
    if (connection->wait_asked > connection->wait_answered)
        return false;
    lens[1] = (size_t)snprintf(replicas, sizeof(replicas), "%u", settings->wait_replicas);
    lens[2] = (size_t)snprintf(timeout, sizeof(timeout), "%u", settings->wait_timeout_ms);
    if (redisAsyncCommandArgv(connection->context, on_wait, connection, 3, words, lens) !=
        REDIS_OK) {
        fs_connection_fail(connection, "out of memory");
        return false;
    }
    connection->reader.awaited++;
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
