/* hiredis' blocking calls, with the errors a start-up has to explain. */
#include "store/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#define WORDS_MAX 8
#define NUMBER_SIZE 24

redisReply *fs_session_ask(redisContext *session, const char *word, ...)
{
    const char *words[WORDS_MAX] = {word};
    size_t lens[WORDS_MAX] = {strlen(word)};
    int count = 1;
    va_list args;

    va_start(args, word);
    while (count < WORDS_MAX && (words[count] = va_arg(args, const char *))) {
        lens[count] = strlen(words[count]);
        count++;
    }
    va_end(args);
    return redisCommandArgv(session, count, words, lens);
}

static int connect_failed(const struct fs_node *node, const redisContext *session,
                          struct fs_error *error)
{
    int number = errno;

    snprintf(error->text, sizeof(error->text), "cannot connect to Redis at %s: %s", node->name,
             session ? session->errstr : "out of memory");
    return number == ECONNREFUSED || number == ENOENT || number == EAGAIN ? -EAGAIN : -EIO;
}

/* Whether a step was answered well; frees the answer. */
static int check_step(const struct fs_node *node, const redisContext *session, redisReply *reply,
                      const char *refusal, struct fs_error *error)
{
    int rc = 0;

    if (!reply) {
        snprintf(error->text, sizeof(error->text), "Redis at %s does not answer: %s", node->name,
                 session->errstr);
        return session->err == REDIS_ERR_IO || session->err == REDIS_ERR_EOF ? -EAGAIN : -EIO;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(error->text, sizeof(error->text), "Redis at %s %s: %s", node->name, refusal,
                 reply->str);
        rc = strncmp(reply->str, "LOADING", 7) == 0 ? -EAGAIN : -EACCES;
    }
    freeReplyObject(reply);
    return rc;
}

static int log_in(const struct fs_node *node, redisContext *session, struct fs_error *error)
{
    static const char refusal[] = "refuses the log-in (check user and password of its URL)";
    char number[NUMBER_SIZE];
    int rc = 0;

    if (node->password && node->user)
        rc = check_step(node, session,
                        fs_session_ask(session, "AUTH", node->user, node->password, (char *)NULL),
                        refusal, error);
    else if (node->password)
        rc =
            check_step(node, session, fs_session_ask(session, "AUTH", node->password, (char *)NULL),
                       refusal, error);
    if (rc != 0)
        return rc;
    rc = check_step(node, session, fs_session_ask(session, "PING", (char *)NULL),
                    "does not let us in (give its URL as redis://user:password@host:port)", error);
    if (rc != 0 || node->database == 0)
        return rc;
    snprintf(number, sizeof(number), "%u", node->database);
    return check_step(node, session, fs_session_ask(session, "SELECT", number, (char *)NULL),
                      "refuses the database of its URL", error);
}

int fs_session_open(const struct fs_node *node, uint64_t timeout_us, redisContext **session,
                    struct fs_error *error)
{
    struct timeval timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                              .tv_usec = (suseconds_t)(timeout_us % 1000000)};
    redisContext *opened = NULL;
    int rc;

    errno = 0;
    if (node->path) {
        opened = redisConnectUnixWithTimeout(node->path, timeout);
    } else {
        for (unsigned i = 0; i < node->at.count && (!opened || opened->err); i++) {
            fs_session_close(opened);
            opened = redisConnectWithTimeout(node->at.list[i], node->port, timeout);
        }
    }
    if (!opened || opened->err) {
        rc = connect_failed(node, opened, error);
        fs_session_close(opened);
        return rc;
    }
    (void)fcntl(opened->fd, F_SETFD, FD_CLOEXEC);
    redisSetTimeout(opened, timeout);
    rc = log_in(node, opened, error);
    if (rc != 0) {
        fs_session_close(opened);
        return rc;
    }
    *session = opened;
    return 0;
}

void fs_session_close(redisContext *session)
{
    if (session)
        redisFree(session);
}
