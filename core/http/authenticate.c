/* Who asks: buyers by their tokens, services for a buyer, operators.
 *
 * A token whose key is not known yet waits, off the loop, until the identity provider's keys were read
 * once more; then its route is served again from the beginning.  So no good token is refused while
 * keys rotate. */
#include "http/routes.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/limits.h"

struct fs_text fs_bearer_token(struct fs_text authorization)
{
    const struct fs_text scheme = FS_TEXT("bearer ");
    struct fs_text token = {0};

    if (authorization.len <= scheme.len ||
        !fs_text_equals_nocase((struct fs_text){authorization.data, scheme.len}, scheme))
        return token;
    token.data = authorization.data + scheme.len;
    token.len = authorization.len - scheme.len;
    while (token.len > 0 && token.data[0] == ' ') {
        token.data++;
        token.len--;
    }
    return token.len > 0 ? token : (struct fs_text){0};
}

static bool refuse(struct fs_exchange *exchange, const char *why)
{
    exchange->challenge = why;
    fs_exchange_fail(exchange, FS_PROBLEM_UNAUTHORIZED, fs_text_of(why ? why : ""));
    return false;
}

/* The one bearer token of the request; false after it has refused the request. */
static bool take_token(struct fs_exchange *exchange, struct fs_text *token)
{
    if (exchange->has_double_header) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         FS_TEXT("Authorization, Idempotency-Key or X-Buyer is there twice."));
        return false;
    }
    *token = fs_bearer_token(exchange->authorization);
    if (token->data)
        return true;
    return refuse(exchange, exchange->authorization.data
                                ? "Authorization is not 'Bearer' and a token."
                                : NULL);
}

/* Services */

static bool refuse_scope(struct fs_exchange *exchange, const struct fs_service *service,
                         enum fs_scope scope)
{
    struct fs_buffer detail = fs_exchange_buffer(exchange, 160);

    fs_buffer_add_format(&detail, "The service %s needs the scope %s.", service->name,
                         fs_scope_name(scope));
    fs_exchange_fail(exchange, FS_PROBLEM_SCOPE, (struct fs_text){detail.data, detail.len});
    return false;
}

static bool is_buyer(struct fs_text buyer)
{
    if (buyer.len == 0 || buyer.len > FS_BUYER_LEN_MAX)
        return false;
    for (size_t i = 0; i < buyer.len; i++)
        if ((unsigned char)buyer.data[i] < 0x20 || buyer.data[i] == 0x7f)
            return false;
    return true;
}

static bool admit_service(struct fs_exchange *exchange, struct fs_text token, enum fs_scope scope)
{
    struct fs_service service;

    if (!fs_auth_find_service(exchange->http->server->auth, token, &service))
        return refuse(exchange, "X-Buyer is for services, and the token is not one of a service.");
    if ((service.scopes & scope) == 0)
        return refuse_scope(exchange, &service, scope);
    if (!is_buyer(exchange->x_buyer)) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         FS_TEXT("X-Buyer must be 1 to 96 bytes without control characters."));
        return false;
    }
    exchange->buyer = exchange->x_buyer;
    return true;
}

/* Keys */

struct key_wait {
    struct fs_key_wait wait;
    struct fs_http *http;
    struct fs_exchange *exchange; /* NULL: the client is gone */
};

static void on_gone(struct fs_exchange *exchange)
{
    struct key_wait *held = exchange->data;

    held->exchange = NULL;
}

static void on_keys(struct fs_auth_letter *letter)
{
    struct fs_key_wait *wait = FS_CONTAINER_OF(letter, struct fs_key_wait, letter);
    struct key_wait *held = FS_CONTAINER_OF(wait, struct key_wait, wait);
    struct fs_exchange *exchange = held->exchange;
    int result = wait->result;

    held->http->login_count--;
    free(held);
    if (!exchange)
        return;
    exchange->on_gone = NULL;
    exchange->data = NULL;
    if (result == 0)
        exchange->serve(exchange);
    else
        fs_exchange_fail(exchange, FS_PROBLEM_BUSY,
                         FS_TEXT("The identity provider's keys cannot be read now, and the token "
                                 "names one that is not known. Nothing was taken; try again."));
}

/* Asks for newer keys; where they are of a file that a reload reads there are none. */
static enum fs_admission await_keys(struct fs_exchange *exchange)
{
    struct key_wait *held = calloc(1, sizeof(*held));
    int rc = -ENOBUFS;

    if (held) {
        held->http = exchange->http;
        held->exchange = exchange;
        held->wait.letter.done = on_keys;
        held->wait.mailbox = exchange->http->logins;
        rc = fs_auth_await_keys(exchange->http->server->auth, &held->wait);
    }
    if (rc == 0) {
        exchange->has_awaited_keys = true;
        exchange->data = held;
        exchange->on_gone = on_gone;
        exchange->http->login_count++; /* done runs on this loop, so not before this */
        return FS_WAITS_FOR_KEYS;
    }
    free(held);
    if (rc == -ENOBUFS)
        fs_exchange_fail(exchange, FS_PROBLEM_BUSY,
                         FS_TEXT("Too many requests wait for the identity provider's keys."));
    else
        refuse(exchange, fs_auth_why(exchange->http->tokens));
    return FS_REFUSED;
}

/* Buyers */

static enum fs_admission admission_of(bool is_given)
{
    return is_given ? FS_ADMITTED : FS_REFUSED;
}

enum fs_admission fs_authenticate(struct fs_exchange *exchange, enum fs_scope scope)
{
    struct fs_http *http = exchange->http;
    struct fs_service service;
    struct fs_text token;
    int error;

    if (!take_token(exchange, &token))
        return FS_REFUSED;
    if (exchange->x_buyer.data)
        return admission_of(admit_service(exchange, token, scope));
    error = fs_auth_verify(http->server->auth, http->tokens, token,
                           exchange->req->processed_at.at.tv_sec, &exchange->buyer);
    if (error == 0)
        return FS_ADMITTED;
    if (error == -ENOKEY && !exchange->has_awaited_keys)
        return await_keys(exchange);
    if (error == -EACCES && fs_auth_find_service(http->server->auth, token, &service)) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         FS_TEXT("A service names the buyer that it acts for in X-Buyer."));
        return FS_REFUSED;
    }
    return admission_of(refuse(exchange, fs_auth_why(http->tokens)));
}

/* Operators */

bool fs_authenticate_admin(struct fs_exchange *exchange)
{
    const struct fs_http_server *server = exchange->http->server;
    struct fs_text wanted = fs_text_of(server->admin_token), token;
    struct fs_service service;

    if (exchange->has_double_header)
        return refuse(exchange, "Authorization, Idempotency-Key or X-Buyer is there twice.");
    if (!take_token(exchange, &token))
        return false;
    if (wanted.len > 0 && token.len == wanted.len &&
        CRYPTO_memcmp(token.data, wanted.data, wanted.len) == 0)
        return true;
    if (!fs_auth_find_service(server->auth, token, &service))
        return refuse(exchange,
                      "The admin token is needed, which is in the data folder, or one of a "
                      "service with the scope admin.");
    if (service.scopes & FS_SCOPE_ADMIN)
        return true;
    return refuse_scope(exchange, &service, FS_SCOPE_ADMIN);
}
