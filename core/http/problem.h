/* Errors as clients see them: RFC 9457 problem details, and the one table that turns a strategy's
 * verdict into one of them. */
#ifndef FS_HTTP_PROBLEM_H
#define FS_HTTP_PROBLEM_H

#include <stdbool.h>

#include "base/text.h"
#include "metrics/metrics.h"

enum fs_problem {
    FS_PROBLEM_NONE = 0,
    FS_PROBLEM_INVALID_REQUEST,
    FS_PROBLEM_SOLD_OUT,
    FS_PROBLEM_UNAUTHORIZED,
    FS_PROBLEM_BAD_CREDENTIALS,
    FS_PROBLEM_SALE_NOT_OPEN,
    FS_PROBLEM_SALE_CLOSED,
    FS_PROBLEM_SALE_PAUSED,
    FS_PROBLEM_SCOPE,
    FS_PROBLEM_NOT_FOUND,
    FS_PROBLEM_UNKNOWN_PRODUCT,
    FS_PROBLEM_UNKNOWN_ORDER,
    FS_PROBLEM_METHOD_NOT_ALLOWED,
    FS_PROBLEM_USER_LIMIT,
    FS_PROBLEM_IN_PROGRESS,
    FS_PROBLEM_SALE_EXISTS,
    FS_PROBLEM_TOO_MANY_SALES,
    FS_PROBLEM_SALE_FROZEN,
    FS_PROBLEM_SALE_NOT_CLOSED,
    FS_PROBLEM_UNITS_NOT_LEFT,
    FS_PROBLEM_NOT_CANCELLABLE,
    FS_PROBLEM_BODY_TOO_LARGE,
    FS_PROBLEM_KEY_REUSED,
    FS_PROBLEM_TOO_MANY_REQUESTS,
    FS_PROBLEM_INTERNAL_ERROR,
    FS_PROBLEM_BUSY,
    FS_PROBLEM_UNAVAILABLE,
    FS_PROBLEM_NOT_READY,
    FS_PROBLEM_UNDETERMINED,
    FS_PROBLEM_COUNT
};

struct fs_problem_kind {
    const char *code; /* "sold_out": for programs, never changes */
    int status;
    const char *title;
    const char *detail;     /* where the request gives none of its own */
    unsigned retry_after_s; /* 0: no Retry-After */
};

/* problem: not NONE.  [any] */
const struct fs_problem_kind *fs_problem_kind(enum fs_problem problem);

/* NONE for FS_DONE.  about_order: the request names an order by its id, which may exist: FS_UNKNOWN means
 * the order, else the product, and what cannot be asked of the store is UNDETERMINED.  [any] */
enum fs_problem fs_problem_of(const struct fs_outcome *outcome, bool about_order);

/* The problem that says best what an error of the library's own with this status was. */
enum fs_problem fs_problem_of_status(int status);

/* What a 503 or 504 says about the order that a request names: only what is known (docs/answers.md). */
struct fs_doubt {
    enum fs_endpoint endpoint;
    bool is_read;  /* the request changes nothing */
    bool has_key;  /* an Idempotency-Key, which an earlier request may have used */
    bool was_sent; /* the request itself may have been carried out */
};

/* Empty: the detail of the problem's kind says it.  [any] */
struct fs_text fs_problem_doubt(enum fs_problem problem, const struct fs_doubt *doubt);

/* Writes the JSON body.  detail: empty for the kind's own.  order_id: empty for none.  [any] */
void fs_problem_write(struct fs_buffer *buffer, enum fs_problem problem, struct fs_text detail,
                      struct fs_text request_id, struct fs_text order_id);

/* "Not Found" for 404: what follows the status in a status line.  [any] */
const char *fs_status_reason(int status);

#endif
