/* Log-in, and the fence that keeps commands in order across connections.
 *
 * A connection that drops may leave commands behind: bytes that Redis has received and not yet read,
 * or that a proxy still holds.  They would run after the commands of the next connection.  A caller
 * whose order was lost asks again; were the second copy refused on the new connection and the first
 * one sold afterwards, a refusal would have been a lie.  So before the new connection carries any
 * command it kills the old one by its CLIENT ID.  Redis runs one command at a time and drops what a
 * killed client had in its buffers: once CLIENT KILL has answered, nothing of the old connection can
 * run any more, and whatever is sent now comes after all of it.
 *
 * When the run_id has changed, the redis-server that held those bytes is gone, and its client ids
 * mean nothing to this one.
 *
 * Only a connection that became ready ever carried commands, so one fence is enough: that of the last
 * one that was ready, kept until a kill is answered. */
#include "store/handshake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define NUMBER_SIZE 24
#define COMPARE_US 1000000u

/* What a failed step means to the person who has to mend it. */
static void fail_step(struct fs_connection *connection, enum fs_step_kind kind,
                      struct fs_text error)
{
    static const char *const hints[FS_STEP_COUNT] = {
        [FS_STEP_AUTH] = "Redis refuses the log-in (check user and password of its URL)",
        [FS_STEP_SELECT] = "Redis refuses the database",
        [FS_STEP_ID] = "Redis refuses CLIENT ID (allow the user +client)",
        [FS_STEP_INFO] = "Redis refuses INFO (allow the user +info)",
        [FS_STEP_KILL] = "Redis refuses CLIENT KILL (allow the user +client)",
        [FS_STEP_LOAD] = "Redis refuses SCRIPT LOAD (allow the user +script)",
        [FS_STEP_NAME] = "Redis refuses CLIENT SETNAME (allow the user +client)",
        [FS_STEP_MANIFEST] = "Redis does not show the manifest of its data (allow the user +get)",
        [FS_STEP_PING] = "Redis is not ready",
    };

    fs_connection_fail(connection, "%s: %.*s", hints[kind],
                       (int)(error.len < 100 ? error.len : 100), error.data);
}

/* The value of a line "name:value\r\n" of INFO. */
static struct fs_text info_field(struct fs_text info, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = info.data;
    const char *end = info.data + info.len;

    while (at < end) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        size_t len = (size_t)((line_end ? line_end : end) - at);

        if (len > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == ':')
            return (struct fs_text){at + name_len + 1, len - name_len - 1};
        at += len;
        while (at < end && (*at == '\r' || *at == '\n'))
            at++;
    }
    return (struct fs_text){NULL, 0};
}

static void learn_server(struct fs_connection *connection, const struct fs_reply *reply)
{
    struct fs_text run_id = {NULL, 0};

    if (reply->kind == FS_REPLY_TEXT)
        run_id = info_field(reply->text, "run_id");
    if (run_id.len != FS_RUN_ID_LEN) {
        fs_connection_fail(connection, "what answers is no Redis: INFO has no run_id");
        return;
    }
    memcpy(connection->identity.run_id, run_id.data, FS_RUN_ID_LEN);
    connection->second_half_due = true;
}

static void become_ready(struct fs_connection *connection)
{
    connection->state = FS_CONNECTION_READY;
    connection->ready_at_us = fs_clock_now_us();
    connection->fence = connection->identity;
    fs_nodes_note(connection->settings->nodes, &connection->seat, connection->node->name, true, "");
    if (connection->ready_count++ > 0)
        fs_counter_add(&connection->settings->metrics->store_reconnects, 1);
}

static void take_step(struct fs_connection *connection, enum fs_step_kind kind,
                      const struct fs_reply *reply)
{
    switch (kind) {
    case FS_STEP_ID:
        if (reply->kind == FS_REPLY_INTEGER)
            connection->identity.client_id = reply->integer;
        else
            fs_connection_fail(connection, "what answers is no Redis: CLIENT ID is no number");
        return;
    case FS_STEP_INFO:
        learn_server(connection, reply);
        return;
    case FS_STEP_PING:
        become_ready(connection);
        return;
    case FS_STEP_KILL:
        connection->fence = (struct fs_identity){0};
        return;
    case FS_STEP_AUTH:
    case FS_STEP_SELECT:
    case FS_STEP_LOAD:
    case FS_STEP_NAME:
    case FS_STEP_MANIFEST:
    case FS_STEP_COUNT:
        return;
    }
}

static bool has_manifests(const struct fs_connection *connection)
{
    return connection->settings->identity && connection->settings->identity->count > 0;
}

/* Data that is not ours ends the connection, and so every command ends as not sent.  Data that is
 * lost does not: the sales that were there are known, answer 503, and wait for a reset. */
static void take_manifest(struct fs_connection *connection, const struct fs_reply *reply)
{
    struct fs_log *log = connection->settings->log;
    struct fs_error why = {.text = ""};
    enum fs_identity_state state;

    connection->is_comparing = false;
    if (reply->kind != FS_REPLY_TEXT && reply->kind != FS_REPLY_NIL) {
        /* In a cluster one node has it, which says MOVED while that changes. */
        if (!connection->settings->is_cluster || memcmp(reply->text.data, "NOPERM", 6) == 0)
            fail_step(connection, FS_STEP_MANIFEST, reply->text);
        return;
    }
    state = fs_identity_judge(
        connection->settings->identity, connection->index,
        reply->kind == FS_REPLY_TEXT ? reply->text : (struct fs_text){NULL, 0}, &why);
    if (state == FS_IDENTITY_FOREIGN)
        fs_connection_fail(connection, "%.180s", why.text);
    else if (state == FS_IDENTITY_LOST && connection->told != state)
        fs_log_error(log, "store", "redis %u (%s): %s", connection->index, connection->node->name,
                     why.text);
    connection->told = state;
}

static void on_step(redisAsyncContext *context, void *object, void *data)
{
    const struct fs_step *step = data;
    struct fs_connection *connection = step->connection;
    const struct fs_reply *reply;

    (void)context;
    if (!object)
        return; /* the connection has ended, which its clean-up tells */
    reply = fs_reply_reader_take(&connection->reader, object);
    if (connection->problem[0])
        return;
    if (step->kind == FS_STEP_MANIFEST)
        take_manifest(connection, reply);
    else if (reply->kind == FS_REPLY_ERROR || reply->kind == FS_REPLY_REFUSED)
        fail_step(connection, step->kind, reply->text);
    else
        take_step(connection, step->kind, reply);
}

static void say(struct fs_connection *connection, enum fs_step_kind kind, size_t argc,
                const struct fs_text *argv)
{
    const char *words[4];
    size_t lens[4];

    for (size_t i = 0; i < argc; i++) {
        words[i] = argv[i].data;
        lens[i] = argv[i].len;
    }
    connection->steps[kind] = (struct fs_step){connection, kind};
    if (redisAsyncCommandArgv(connection->context, on_step, &connection->steps[kind], (int)argc,
                              words, lens) != REDIS_OK) {
        fs_connection_fail(connection, "out of memory");
        return;
    }
    connection->reader.awaited++;
    connection->is_dirty = true;
}

static void ask_for_manifest(struct fs_connection *connection, uint64_t now_us)
{
    connection->is_comparing = true;
    connection->compared_at_us = now_us;
    say(connection, FS_STEP_MANIFEST, 2,
        (struct fs_text[]){FS_TEXT("GET"), fs_text_of(connection->settings->identity->key)});
}

void fs_handshake_compare(struct fs_connection *connection, uint64_t now_us)
{
    if (has_manifests(connection) && connection->state == FS_CONNECTION_READY &&
        !connection->is_comparing && now_us - connection->compared_at_us >= COMPARE_US)
        ask_for_manifest(connection, now_us);
}

void fs_handshake_begin(struct fs_connection *connection)
{
    const struct fs_node *node = connection->node;
    char number[NUMBER_SIZE];

    connection->identity = (struct fs_identity){0};
    connection->second_half_due = false;
    connection->is_comparing = false;
    if (node->password && node->user)
        say(connection, FS_STEP_AUTH, 3,
            (struct fs_text[]){FS_TEXT("AUTH"), fs_text_of(node->user),
                               fs_text_of(node->password)});
    else if (node->password)
        say(connection, FS_STEP_AUTH, 2,
            (struct fs_text[]){FS_TEXT("AUTH"), fs_text_of(node->password)});
    if (node->database > 0) {
        snprintf(number, sizeof(number), "%u", node->database);
        say(connection, FS_STEP_SELECT, 2,
            (struct fs_text[]){FS_TEXT("SELECT"), fs_text_of(number)});
    }
    say(connection, FS_STEP_ID, 2, (struct fs_text[]){FS_TEXT("CLIENT"), FS_TEXT("ID")});
    say(connection, FS_STEP_INFO, 2, (struct fs_text[]){FS_TEXT("INFO"), FS_TEXT("server")});
}

void fs_handshake_finish(struct fs_connection *connection)
{
    const struct fs_scripts *scripts = connection->settings->scripts;
    const struct fs_identity *fence = &connection->fence;
    char number[NUMBER_SIZE];

    connection->second_half_due = false;
    if (fence->client_id && strcmp(fence->run_id, connection->identity.run_id) == 0) {
        snprintf(number, sizeof(number), "%" PRId64, fence->client_id);
        say(connection, FS_STEP_KILL, 4,
            (struct fs_text[]){FS_TEXT("CLIENT"), FS_TEXT("KILL"), FS_TEXT("ID"),
                               fs_text_of(number)});
    }
    for (size_t i = 0; i < scripts->count; i++)
        say(connection, FS_STEP_LOAD, 3,
            (struct fs_text[]){FS_TEXT("SCRIPT"), FS_TEXT("LOAD"), scripts->entries[i].source});
    say(connection, FS_STEP_NAME, 3,
        (struct fs_text[]){FS_TEXT("CLIENT"), FS_TEXT("SETNAME"), FS_TEXT("flashsale")});
    if (has_manifests(connection))
        ask_for_manifest(connection, fs_clock_now_us());
    say(connection, FS_STEP_PING, 1, (struct fs_text[]){FS_TEXT("PING")});
}
