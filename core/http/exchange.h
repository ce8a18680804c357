/* One request being answered: from the handler's call until its reply is handed to h2o, or the
 * client is gone. */
#ifndef FS_HTTP_EXCHANGE_H
#define FS_HTTP_EXCHANGE_H

#include <h2o.h>

#include "base/limits.h"
#include "http/http.h"
#include "http/problem.h"
#include "http/router.h"

/* Lives in the request's pool and ends with it.  All of it is [loop]. */
/* What is left on a shard of a sale. */
struct fs_shard_row {
    size_t sale; /* its number in the list */
    uint32_t shard;
    int64_t units_left;
};

/* Why a sale of a list sells nothing. */
struct fs_trouble_row {
    size_t sale; /* its number in the list */
    struct fs_sale_trouble trouble;
};

struct fs_exchange {
    /* constant after begin */
    struct fs_http *http;                   /* borrowed */
    struct fs_connection_guard *connection; /* borrowed; NULL: the connection is not guarded */
    h2o_req_t *req;                         /* borrowed, as long as the exchange */
    const struct sockaddr_storage *client;  /* as trusted proxies name it; NULL: not known */
    uint64_t started_us;
    struct fs_text method;
    struct fs_text path; /* as sent, without the query */
    struct fs_text query;
    struct fs_text authorization;   /* the header's value; no data: none */
    struct fs_text x_operator;      /* who changes a sale; no data: no such header */
    struct fs_text x_buyer;         /* for whom a service asks; no data: no such header */
    struct fs_text idempotency_key; /* the header's value; no data: none */
    bool has_double_header;         /* two of a header that may be there once */
    struct fs_text traceparent;     /* the header's value; no data: none */
    struct fs_text origin;          /* likewise */
    bool is_preflight;              /* Access-Control-Request-Method is there */
    bool is_admin;                  /* of the admin listener */
    uint32_t request_id_len;
    char request_id[FS_REQUEST_ID_LEN_MAX];

    /* changing */
    struct fs_link link; /* in http->exchanges until answered */
    h2o_generator_t generator;
    enum fs_endpoint endpoint;
    struct fs_text id; /* from the path: product or order */
    struct fs_op *op;  /* NULL: none is in flight */
    bool is_answered;
    bool is_polled;         /* its socket is in the poll under our callback */
    unsigned retry_after_s; /* 0: as the problem's kind says */
    const char *challenge;  /* with 401: why the token was refused; NULL: there was none */
    void (*serve)(struct fs_exchange *exchange); /* the route's, to run again with newer keys */
    bool has_awaited_keys;

    /* the route's own */
    struct fs_text buyer;       /* in the op or in the pool, never the auth cache's */
    struct fs_order_id order;   /* asked for, or made */
    size_t candidate_next;      /* products tried for an order */
    bool has_asked;             /* a product that fits, or the catalogue anew */
    struct fs_sale_info *sales; /* rows of a list, in the pool; their texts too */
    size_t sale_count;
    struct fs_shard_row *shards; /* rows of a list beside them, in the pool */
    size_t shard_count;
    size_t shard_capacity;
    size_t sale_capacity;
    struct fs_trouble_row *troubles; /* rows of a list beside them, in the order of their sales */
    size_t trouble_count;
    size_t trouble_capacity;
    uint64_t probed_us;     /* when a readiness check that lists was asked */
    struct fs_buffer terms; /* rows of an audit, as JSON members */
    bool is_sound;

    /* Runs when the client is gone before its answer; NULL: nothing to do.  data: the route's. */
    void (*on_gone)(struct fs_exchange *exchange);
    void *data;
};

/* Many requests share its connection, which nobody but h2o reads or closes. */
static inline bool fs_is_http2(const h2o_req_t *req)
{
    return req->version >= 0x200;
}

/* Makes the exchange of a request that has just reached its handler. */
struct fs_exchange *fs_exchange_begin(struct fs_http *http, h2o_req_t *req);

/* size bytes in the request's pool, as a buffer.  Never fails: h2o ends the process when memory is
 * gone. */
struct fs_buffer fs_exchange_buffer(struct fs_exchange *exchange, size_t size);

/* Adds a header to the reply.  name, value: lower case; copied neither: constant or in the pool. */
void fs_exchange_header(struct fs_exchange *exchange, struct fs_text name, struct fs_text value);

/* Sends the answer; body stays in place until the request is over: constant, or in the pool.
 * The exchange is answered afterwards, and no longer to be touched. */
void fs_exchange_reply(struct fs_exchange *exchange, int status, struct fs_text content_type,
                       struct fs_text body);
void fs_exchange_reply_json(struct fs_exchange *exchange, const struct fs_buffer *body);

/* Sends a problem.  detail: empty for the kind's own; copied. */
void fs_exchange_fail(struct fs_exchange *exchange, enum fs_problem problem, struct fs_text detail);

/* The same for a verdict that is not DONE.  about_order: as for fs_problem_of(). */
void fs_exchange_fail_verdict(struct fs_exchange *exchange, const struct fs_outcome *outcome,
                              bool about_order);

/* Whether a purchase that was refused with this outcome is answered "undetermined", since this process
 * knows that an earlier request with the same key was sold or may have been. */
bool fs_exchange_is_in_doubt(const struct fs_exchange *exchange, const struct fs_outcome *outcome);

/* Makes h2o's own answer to req, whose head is not sent yet, into a problem: counts it, changes the
 * head, and returns the body to send, in the request's pool. */
struct fs_text fs_exchange_replace(struct fs_http *http, h2o_req_t *req, enum fs_problem problem);

/* Takes an op for this exchange; NULL after it was answered "busy". */
struct fs_op *fs_exchange_take_op(struct fs_exchange *exchange, enum fs_op_kind kind,
                                  const struct fs_op_client *client);

/* First thing in on_end(): the exchange whose op this was, and which no longer has it. */
struct fs_exchange *fs_exchange_of_op(void *data);

/* What a client may choose as X-Request-Id: 1 to FS_REQUEST_ID_LEN_MAX of [A-Za-z0-9._-]. */
bool fs_request_id_is_valid(struct fs_text id);

#endif
