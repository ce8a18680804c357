/* The life of a command: taken, queued with hiredis, answered or given up, its request given back.
 *
 * What was said of a call that has no reply follows from the attempts to write: none since it was
 * queued and the connection gone means that its bytes went with it, so it was not sent; in any other
 * case it may have run. */
#include "store/request.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/cluster.h"
#include "store/confirm.h"
#include "store/denial.h"

#define COPY_KEPT_SIZE 65536u      /* bytes of a copy that its request keeps */
#define BUFFERED_LEN_MAX 67108864u /* bytes that wait for a socket to take them */
#define NUMBER_SIZE 24             /* of a decimal number, with its NUL */

_Static_assert(sizeof(struct fs_link) <= sizeof(((struct fs_call *)0)->reserved),
               "a link fits into the reserved words of a call");

void fs_call_append(struct fs_link *anchor, struct fs_call *call)
{
    fs_link_append(anchor, (struct fs_link *)(void *)call->reserved);
}

struct fs_call *fs_call_shift(struct fs_link *anchor)
{
    struct fs_link *link = fs_link_shift(anchor);

    return link ? FS_CONTAINER_OF(link, struct fs_call, reserved) : NULL;
}

/* Requests */

static struct fs_request *request_take(struct fs_connection *connection)
{
    struct fs_request *request;

    if (!fs_link_is_alone(&connection->free)) {
        request = FS_CONTAINER_OF(connection->free.prev, struct fs_request, link);
        fs_link_remove(&request->link);
    } else if (connection->requests_touched < connection->settings->in_flight_max) {
        request = &connection->requests[connection->requests_touched++];
        request->connection = connection;
        fs_link_init(&request->link);
    } else {
        return NULL;
    }
    connection->in_flight++;
    return request;
}

void fs_request_give(struct fs_request *request)
{
    struct fs_connection *connection = request->connection;

    assert(connection->in_flight > 0);
    fs_link_remove(&request->link);
    if (request->copy_capacity > COPY_KEPT_SIZE) {
        free(request->copy);
        request->copy = NULL;
        request->copy_capacity = 0;
    }
    request->call = NULL;
    request->reply = NULL;
    fs_link_append(&connection->free, &request->link);
    connection->in_flight--;
}

/* Words */

static int words_reserve(struct fs_word_list *words, size_t count)
{
    size_t capacity = words->capacity ? words->capacity : 64;
    const char **data;
    size_t *lens;

    while (capacity < count)
        capacity *= 2;
    if (capacity == words->capacity)
        return 0;
    data = realloc(words->data, capacity * sizeof(*data));
    if (!data)
        return -ENOMEM;
    words->data = data;
    lens = realloc(words->lens, capacity * sizeof(*lens));
    if (!lens)
        return -ENOMEM;
    words->lens = lens;
    words->capacity = capacity;
    return 0;
}

void fs_word_list_dispose(struct fs_word_list *words)
{
    free(words->data);
    free(words->lens);
    *words = (struct fs_word_list){0};
}

static void word_set(struct fs_word_list *words, size_t at, const char *data, size_t len)
{
    words->data[at] = len ? data : "";
    words->lens[at] = len;
}

/* Keeps the words of a command, since they may have to be sent twice. */
static int copy_words(struct fs_request *request, const struct fs_command *command, size_t len)
{
    size_t head_size = command->argc * sizeof(size_t);
    size_t size = head_size + len;
    size_t *lens;
    char *bytes;

    if (size > request->copy_capacity || !request->copy) {
        size_t capacity = size < 512 ? 512 : size + size / 2;
        char *copy = realloc(request->copy, capacity);

        if (!copy)
            return -ENOMEM;
        request->copy = copy;
        request->copy_capacity = capacity;
    }
    lens = (size_t *)(void *)request->copy;
    bytes = request->copy + head_size;
    for (size_t i = 0; i < command->argc; i++) {
        lens[i] = command->argv[i].len;
        if (lens[i] > 0)
            memcpy(bytes, command->argv[i].data, lens[i]);
        bytes += lens[i];
    }
    request->key_count = command->key_count;
    request->word_count = command->argc;
    return 0;
}

/* Hiredis */

static bool was_attempted(const struct fs_request *request)
{
    return request->connection->write_count > request->queued_at_write;
}

static void end_without_reply(struct fs_request *request)
{
    struct fs_connection *connection = request->connection;
    struct fs_answers *answers = connection->settings->answers;

    if (request->call) {
        fs_call_append(was_attempted(request) ? &answers->lost : &answers->not_sent, request->call);
        connection->lost_count++;
    }
    fs_request_give(request);
}

static bool is_deposed(const struct fs_reply *reply)
{
    return reply->kind == FS_REPLY_REFUSED && reply->text.len > 8 &&
           memcmp(reply->text.data, "READONLY", 8) == 0;
}

static bool is_redirection(const struct fs_connection *connection, const struct fs_reply *reply)
{
    struct fs_redirect redirect;

    return connection->settings->is_cluster && reply->kind == FS_REPLY_REFUSED &&
           fs_redirect_read(reply->text, &redirect);
}

/* What a node of a cluster redirects is no trouble. */
static void note_refusal(const struct fs_connection *connection, const struct fs_reply *reply)
{
    if (!is_redirection(connection, reply) && !fs_reply_is_noscript(reply))
        fs_nodes_note_refusal(connection->settings->nodes, &connection->seat, reply->text);
    if (fs_reply_is_denial(reply) && connection->settings->denial)
        fs_denial_note(connection->settings->denial, connection->settings->metrics,
                       connection->settings->log, connection->index, connection->node->name,
                       reply->text);
}

static void on_reply(redisAsyncContext *context, void *object, void *data)
{
    struct fs_request *request = data;
    struct fs_connection *connection = request->connection;
    const struct fs_reply *reply;

    (void)context;
    if (!object) {
        end_without_reply(request);
        return;
    }
    reply = fs_reply_reader_take(&connection->reader, object);
    connection->is_readonly |= is_deposed(reply);
    if (reply->kind == FS_REPLY_REFUSED || reply->kind == FS_REPLY_ERROR)
        note_refusal(connection, reply);
    fs_link_remove(&request->link);
    if (!request->call) {
        fs_request_give(request);
        return;
    }
    if (request->script && !request->by_source && fs_reply_is_noscript(reply)) {
        fs_link_append(&connection->again, &request->link);
        return;
    }
    request->reply = reply;
    if (fs_confirm_is_wanted(connection, reply)) {
        fs_confirm_hold(request);
        return;
    }
    fs_link_append(is_redirection(connection, reply) ? &connection->settings->answers->redirected
                                                     : &connection->settings->answers->replied,
                   &request->link);
}

static void on_asking(redisAsyncContext *context, void *object, void *data)
{
    struct fs_connection *connection = data;

    (void)context;
    if (object) /* was it refused, then the command behind it is redirected again */
        (void)fs_reply_reader_take(&connection->reader, object);
}

/* Lets the next command use a slot that its node is being given. */
static int queue_asking(struct fs_connection *connection)
{
    const char *word = "ASKING";
    const size_t len = 6;

    if (redisAsyncCommandArgv(connection->context, on_asking, connection, 1, &word, &len) !=
        REDIS_OK)
        return -ENOMEM;
    connection->reader.awaited++;
    return 0;
}

/* Hands the gathered words to hiredis, which copies them. */
static int queue(struct fs_request *request, size_t word_count, uint64_t now_us)
{
    struct fs_connection *connection = request->connection;
    struct fs_word_list *words = connection->settings->words;

    if (request->is_asking && queue_asking(connection) != 0)
        return -ENOMEM;
    if (redisAsyncCommandArgv(connection->context, on_reply, request, (int)word_count, words->data,
                              words->lens) != REDIS_OK) {
        if (request->is_asking) /* which must not meet another command */
            fs_connection_fail(connection, "out of memory");
        return -ENOMEM;
    }
    connection->reader.awaited++;
    connection->is_dirty = true;
    request->queued_at_us = now_us;
    request->queued_at_write = connection->write_count;
    request->queued_at_wait = connection->wait_asked;
    connection->is_unconfirmed = true;
    fs_link_append(&connection->waiting, &request->link);
    if (request->deadline_us < connection->first_due_us)
        connection->first_due_us = request->deadline_us;
    return 0;
}

/* From the copy that was kept; a script goes by its digest or its source. */
static int queue_copied(struct fs_request *request, uint64_t now_us)
{
    struct fs_word_list *words = request->connection->settings->words;
    const struct fs_script_entry *script = request->script;
    const size_t *lens = (const size_t *)(const void *)request->copy;
    const char *bytes = request->copy + request->word_count * sizeof(size_t);
    size_t head = script ? 3 : 0;
    char number[NUMBER_SIZE];
    int number_len = snprintf(number, sizeof(number), "%zu", request->key_count);

    assert(request->copy);
    if (words_reserve(words, request->word_count + head) != 0)
        return -ENOMEM;
    if (script && request->by_source) {
        word_set(words, 0, "EVAL", 4);
        word_set(words, 1, script->source.data, script->source.len);
    } else if (script) {
        word_set(words, 0, "EVALSHA", 7);
        word_set(words, 1, script->digest, FS_SCRIPT_DIGEST_LEN);
    }
    if (script)
        word_set(words, 2, number, (size_t)number_len);
    for (size_t i = 0; i < request->word_count; i++) {
        word_set(words, i + head, bytes, lens[i]);
        bytes += lens[i];
    }
    return queue(request, request->word_count + head, now_us);
}

static int queue_plain(struct fs_request *request, const struct fs_command *command,
                       uint64_t now_us)
{
    struct fs_word_list *words = request->connection->settings->words;

    if (words_reserve(words, command->argc) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < command->argc; i++)
        word_set(words, i, command->argv[i].data, command->argv[i].len);
    return queue(request, command->argc, now_us);
}

/* One connection serves every op of a loop: what changes its state, or is answered more than once,
 * would reach them all.  hiredis ends the process when it meets a reply it does not expect. */
static bool changes_connection(struct fs_text word)
{
    static const char *const names[] = {
        "SUBSCRIBE",    "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE",
        "SUNSUBSCRIBE", "MONITOR",    "MULTI",      "EXEC",        "DISCARD",
        "WATCH",        "UNWATCH",    "AUTH",       "HELLO",       "SELECT",
        "QUIT",         "RESET",      "CLIENT",     "SYNC",        "PSYNC",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (word.len == strlen(names[i]) && strncasecmp(word.data, names[i], word.len) == 0)
            return true;
    return false;
}

/* Bytes of all words; -E2BIG beyond what one command may have. */
static int measure(const struct fs_command *command, size_t *len)
{
    size_t sum = 0;

    if (command->argc > FS_STORE_WORDS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < command->argc; i++) {
        if (command->argv[i].len > FS_STORE_COMMAND_LEN_MAX - sum)
            return -E2BIG;
        sum += command->argv[i].len;
    }
    *len = sum;
    return 0;
}

/* A request for a command that may be sent now; NULL: *rc says why not. */
static struct fs_request *take_if_ready(struct fs_connection *connection, uint64_t deadline_us,
                                        uint64_t now_us, int *rc)
{
    struct fs_request *request = NULL;

    if (connection->state != FS_CONNECTION_READY || !connection->context || connection->problem[0])
        *rc = -ENOTCONN;
    else if (deadline_us && deadline_us <= now_us)
        *rc = -ETIME;
    else if (sdslen(connection->context->c.obuf) > BUFFERED_LEN_MAX ||
             !(request = request_take(connection)))
        *rc = -ENOBUFS;
    return request;
}

int fs_connection_send(struct fs_connection *connection, const struct fs_command *command)
{
    uint64_t now_us = fs_clock_now_us();
    struct fs_request *request;
    size_t len = 0;
    int rc = measure(command, &len);

    if (rc != 0)
        return rc;
    if (!command->script && (command->argc == 0 || changes_connection(command->argv[0])))
        return -EINVAL;
    request = take_if_ready(connection, command->deadline_us, now_us, &rc);
    if (!request)
        return rc;
    request->call = command->call;
    request->asked_at_us = now_us;
    request->deadline_us = command->deadline_us ? command->deadline_us
                                                : now_us + connection->settings->command_timeout_us;
    request->script = command->script;
    request->by_source = false;
    request->slot = command->slot;
    request->is_asking = false;
    request->hop_count = 0;
    request->word_count = 0;
    if (command->script || connection->settings->is_cluster)
        rc = copy_words(request, command, len);
    if (rc == 0)
        rc =
            command->script ? queue_copied(request, now_us) : queue_plain(request, command, now_us);
    if (rc != 0)
        fs_request_give(request);
    return rc;
}

static void swap_copies(struct fs_request *a, struct fs_request *b)
{
    char *copy = a->copy;
    size_t capacity = a->copy_capacity;

    a->copy = b->copy;
    a->copy_capacity = b->copy_capacity;
    b->copy = copy;
    b->copy_capacity = capacity;
}

int fs_request_forward(struct fs_request *request, struct fs_connection *to, bool is_asking)
{
    uint64_t now_us = fs_clock_now_us();
    int rc = 0;
    struct fs_request *new = take_if_ready(to, request->deadline_us, now_us, &rc);

    if (!new)
        return rc;
    swap_copies(new, request);
    new->call = request->call;
    new->asked_at_us = request->asked_at_us;
    new->deadline_us = request->deadline_us;
    new->script = request->script;
    new->by_source = false;
    new->key_count = request->key_count;
    new->word_count = request->word_count;
    new->slot = request->slot;
    new->is_asking = is_asking;
    new->hop_count = request->hop_count;
    rc = queue_copied(new, now_us);
    if (rc != 0) {
        swap_copies(new, request);
        new->call = NULL;
        fs_request_give(new);
        return rc;
    }
    fs_request_give(request);
    return 0;
}

void fs_requests_send_again(struct fs_connection *connection, uint64_t now_us)
{
    struct fs_link *link;

    while ((link = fs_link_shift(&connection->again))) {
        struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);

        request->by_source = true;
        /* Redis said that it did not run it; past its deadline nothing new is started. */
        if (!connection->context || request->deadline_us <= now_us ||
            queue_copied(request, now_us) != 0) {
            request->queued_at_write = connection->write_count;
            end_without_reply(request);
        }
    }
}

void fs_requests_drop_again(struct fs_connection *connection)
{
    struct fs_link *link;

    while ((link = fs_link_shift(&connection->again))) {
        struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);

        /* Redis said that it did not run it, and it was not sent since. */
        request->queued_at_write = connection->write_count;
        end_without_reply(request);
    }
}

/* Gives the earliest deadline of those that are not due yet. */
static uint64_t expire_list(struct fs_connection *connection, const struct fs_link *end,
                            uint64_t now_us)
{
    uint64_t first_due_us = UINT64_MAX;

    for (struct fs_link *link = end->next; link != end; link = link->next) {
        struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);

        if (!request->call)
            continue;
        if (request->deadline_us <= now_us) {
            fs_call_append(&connection->settings->answers->lost, request->call);
            request->call = NULL;
        } else if (request->deadline_us < first_due_us) {
            first_due_us = request->deadline_us;
        }
    }
    return first_due_us;
}

void fs_requests_expire(struct fs_connection *connection, uint64_t now_us)
{
    uint64_t waiting_due_us;
    uint64_t held_due_us;

    if (connection->first_due_us > now_us)
        return;
    waiting_due_us = expire_list(connection, &connection->waiting, now_us);
    held_due_us = expire_list(connection, &connection->held, now_us);
    connection->first_due_us = waiting_due_us < held_due_us ? waiting_due_us : held_due_us;
}
