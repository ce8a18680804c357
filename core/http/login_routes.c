/* POST /login. */
#include "http/routes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/access_log.h"
#include "http/body.h"

/* A log-in stays in place until it is decided, also when its client has left. */
struct login_job {
    struct fs_login login;
    struct fs_http *http;         /* NULL: decided at once */
    struct fs_exchange *exchange; /* NULL: the client is gone */
    json_t *body;                 /* owned: user name and password point into it */
    char address[64];
};

static void free_job(struct login_job *job)
{
    json_decref(job->body);
    free(job->login.token);
    free(job);
}

static void reply_token(struct fs_exchange *exchange, const struct fs_login *login)
{
    struct fs_text token = fs_text_of(login->token);
    struct fs_buffer body = fs_exchange_buffer(exchange, token.len + 128);

    fs_buffer_add(&body, FS_TEXT("{\"access_token\":"));
    fs_buffer_add_json(&body, token);
    fs_buffer_add(&body, FS_TEXT(",\"token_type\":\"bearer\",\"expires_in\":"));
    fs_buffer_add_u64(&body, login->expires_in_s);
    fs_buffer_add(&body, FS_TEXT("}"));
    fs_exchange_header(exchange, FS_TEXT("cache-control"), FS_TEXT("no-store"));
    fs_exchange_reply_json(exchange, &body);
}

static void reply(struct fs_exchange *exchange, const struct fs_login *login)
{
    struct fs_metrics *metrics = exchange->http->metrics;

    switch (login->result) {
    case FS_LOGIN_OK:
        fs_auth_remember(exchange->http->server->auth, exchange->http->tokens, login);
        reply_token(exchange, login);
        break;
    case FS_LOGIN_BAD_CREDENTIALS:
        fs_counter_add(&metrics->login_failures, 1);
        fs_exchange_fail(exchange, FS_PROBLEM_BAD_CREDENTIALS, (struct fs_text){0});
        break;
    case FS_LOGIN_LIMITED:
        fs_counter_add(&metrics->logins_limited, 1);
        exchange->retry_after_s = login->retry_after_s;
        fs_exchange_fail(exchange, FS_PROBLEM_TOO_MANY_REQUESTS, (struct fs_text){0});
        break;
    case FS_LOGIN_UNSUPPORTED:
        fs_exchange_fail(exchange, FS_PROBLEM_NOT_FOUND,
                         FS_TEXT("This server takes the tokens of another identity provider."));
        break;
    default:
        fs_exchange_fail(exchange, FS_PROBLEM_INTERNAL_ERROR, (struct fs_text){0});
        break;
    }
}

static void on_login_done(struct fs_login *login)
{
    struct login_job *job = FS_CONTAINER_OF(login, struct login_job, login);
    struct fs_exchange *exchange = job->exchange;

    if (job->http)
        job->http->login_count--;
    if (exchange) {
        exchange->on_gone = NULL;
        reply(exchange, login);
    }
    free_job(job);
}

static void on_gone(struct fs_exchange *exchange)
{
    struct login_job *job = exchange->data;

    job->exchange = NULL;
}

static int read_body(struct fs_exchange *exchange, struct login_job *job, struct fs_buffer *detail)
{
    static const char *const names[] = {"username", "password", NULL};
    const h2o_iovec_t entity = exchange->req->entity;

    if (fs_body_load((struct fs_text){entity.base, entity.len}, names, &job->body, detail) != 0)
        return -EINVAL;
    if (fs_body_text(job->body, names[0], FS_USERNAME_LEN_MAX, &job->login.username, detail) != 0)
        return -EINVAL;
    return fs_body_text(job->body, names[1], FS_PASSWORD_LEN_MAX, &job->login.password, detail);
}

void fs_serve_login(struct fs_exchange *exchange)
{
    char detail_text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(detail_text, sizeof(detail_text));
    struct login_job *job = calloc(1, sizeof(*job));
    struct fs_buffer address;

    if (!job) {
        fs_exchange_fail(exchange, FS_PROBLEM_BUSY, (struct fs_text){0});
        return;
    }
    if (read_body(exchange, job, &detail) != 0) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         (struct fs_text){detail.data, detail.len});
        free_job(job);
        return;
    }
    address = fs_buffer_of(job->address, sizeof(job->address));
    fs_peer_text(exchange->client, &address);
    job->exchange = exchange;
    job->login.done = on_login_done;
    job->login.mailbox = exchange->http->logins;
    job->login.address = (struct fs_text){address.data, address.len};
    exchange->data = job;
    exchange->on_gone = on_gone;
    if (fs_login_start(exchange->http->server->auth, &job->login) != -EINPROGRESS) {
        on_login_done(&job->login);
        return;
    }
    job->http = exchange->http; /* done() runs on this loop, so not before this */
    job->http->login_count++;
}
