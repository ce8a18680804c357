/* The table of problems and the table of verdicts: a new verdict or code is one row here. */
#include "http/problem.h"

#include <assert.h>

static const struct fs_problem_kind kinds[FS_PROBLEM_COUNT] = {
    [FS_PROBLEM_INVALID_REQUEST] = {"invalid_request", 400, "Invalid request",
                                    "The request is not what this address expects.", 0},
    [FS_PROBLEM_SOLD_OUT] = {"sold_out", 400, "Sold out",
                             "Fewer units are left than were asked for.", 0},
    [FS_PROBLEM_UNAUTHORIZED] = {"unauthorized", 401, "Unauthorized",
                                 "A valid bearer token is needed.", 0},
    [FS_PROBLEM_BAD_CREDENTIALS] = {"bad_credentials", 401, "Bad credentials",
                                    "The user name or the password is wrong.", 0},
    [FS_PROBLEM_SALE_NOT_OPEN] = {"sale_not_open", 403, "Sale not open", "The sale has not begun.",
                                  0},
    [FS_PROBLEM_SALE_CLOSED] = {"sale_closed", 403, "Sale closed", "The sale is over.", 0},
    [FS_PROBLEM_SALE_PAUSED] = {"sale_paused", 403, "Sale paused", "The sale is paused.", 0},
    [FS_PROBLEM_SCOPE] = {"scope", 403, "Scope missing",
                          "The service's token does not have the scope that this needs.", 0},
    [FS_PROBLEM_NOT_FOUND] = {"not_found", 404, "Not found", "There is nothing at this address.",
                              0},
    [FS_PROBLEM_UNKNOWN_PRODUCT] = {"unknown_product", 404, "Unknown product",
                                    "There is no sale of this product.", 0},
    [FS_PROBLEM_UNKNOWN_ORDER] = {"unknown_order", 404, "Unknown order",
                                  "There is no such order of this buyer.", 0},
    [FS_PROBLEM_METHOD_NOT_ALLOWED] = {"method_not_allowed", 405, "Method not allowed",
                                       "The Allow header lists the methods of this address.", 0},
    [FS_PROBLEM_USER_LIMIT] = {"user_limit", 409, "Limit reached",
                               "With these units the buyer would have more than their share.", 0},
    [FS_PROBLEM_IN_PROGRESS] = {"in_progress", 409, "In progress",
                                "The same order is being decided; ask again.", 0},
    [FS_PROBLEM_SALE_EXISTS] = {"sale_exists", 409, "Sale exists",
                                "Nothing was changed; \"reset\": true starts it anew.", 0},
    [FS_PROBLEM_TOO_MANY_SALES] = {"too_many_sales", 409, "Too many sales",
                                   "This server has room for no further sale.", 0},
    [FS_PROBLEM_SALE_FROZEN] = {"sale_frozen", 409, "Sale frozen",
                                "The store has lost acknowledged sales, or a script failed. "
                                "Audit the sale, then PUT it with \"reset\": true.",
                                0},
    [FS_PROBLEM_SALE_NOT_CLOSED] = {"sale_not_closed", 409, "Sale not closed",
                                    "Only a closed sale is deleted: close it, or send ?force=1.",
                                    0},
    [FS_PROBLEM_UNITS_NOT_LEFT] = {"units_not_left", 409, "Units not left",
                                   "Fewer unsold units are there to take out (v4: on its first "
                                   "shard).",
                                   0},
    [FS_PROBLEM_NOT_CANCELLABLE] = {"not_cancellable", 409, "Not cancellable",
                                    "The order belongs to an earlier run of the sale.", 0},
    [FS_PROBLEM_BODY_TOO_LARGE] = {"body_too_large", 413, "Body too large",
                                   "A request body may have 4096 bytes.", 0},
    [FS_PROBLEM_KEY_REUSED] = {"key_reused", 422, "Key reused",
                               "This key was used for another product or quantity.", 0},
    [FS_PROBLEM_TOO_MANY_REQUESTS] = {"too_many_requests", 429, "Too many requests",
                                      "Too many attempts; wait before the next.", 1},
    [FS_PROBLEM_INTERNAL_ERROR] = {"internal_error", 500, "Internal error",
                                   "The server failed; the log says why.", 0},
    [FS_PROBLEM_BUSY] = {"busy", 503, "Busy", "The server is busy; this request did nothing.", 1},
    [FS_PROBLEM_UNAVAILABLE] = {"unavailable", 503, "Unavailable",
                                "The store cannot be asked; this request did nothing.", 2},
    [FS_PROBLEM_NOT_READY] = {"not_ready", 503, "Not ready", "The server does not serve now.", 1},
    [FS_PROBLEM_UNDETERMINED] = {"undetermined", 504, "Undetermined",
                                 "The store did not reply in time; the request may have been "
                                 "carried out.",
                                 0},
};

/* What each verdict is over HTTP.  UNKNOWN, UNAVAILABLE and CLOSED have a second look in fs_problem_of(). */
static const enum fs_problem verdicts[FS_VERDICT_COUNT] = {
    [FS_DONE] = FS_PROBLEM_NONE,
    [FS_SOLD_OUT] = FS_PROBLEM_SOLD_OUT,
    [FS_LIMIT_REACHED] = FS_PROBLEM_USER_LIMIT,
    [FS_TOO_MANY] = FS_PROBLEM_INVALID_REQUEST,
    [FS_CLOSED] = FS_PROBLEM_SALE_CLOSED,
    [FS_UNKNOWN] = FS_PROBLEM_UNKNOWN_PRODUCT,
    [FS_EXISTS] = FS_PROBLEM_SALE_EXISTS,
    [FS_KEY_REUSED] = FS_PROBLEM_KEY_REUSED,
    [FS_IN_PROGRESS] = FS_PROBLEM_IN_PROGRESS,
    [FS_NOT_CANCELLABLE] = FS_PROBLEM_NOT_CANCELLABLE,
    [FS_BUSY] = FS_PROBLEM_BUSY,
    [FS_UNAVAILABLE] = FS_PROBLEM_UNAVAILABLE,
    [FS_UNDETERMINED] = FS_PROBLEM_UNDETERMINED,
};

const struct fs_problem_kind *fs_problem_kind(enum fs_problem problem)
{
    assert(problem > FS_PROBLEM_NONE && problem < FS_PROBLEM_COUNT);
    return &kinds[problem];
}

enum fs_problem fs_problem_of(const struct fs_outcome *outcome, bool about_order)
{
    assert(outcome->verdict >= FS_DONE && outcome->verdict < FS_VERDICT_COUNT);
    if (outcome->verdict == FS_UNKNOWN && about_order)
        return FS_PROBLEM_UNKNOWN_ORDER;
    if (outcome->verdict == FS_UNAVAILABLE && about_order)
        return FS_PROBLEM_UNDETERMINED; /* whoever has its id may have bought it */
    if (outcome->verdict == FS_CLOSED && outcome->state == FS_SALE_PAUSED)
        return FS_PROBLEM_SALE_PAUSED;
    if (outcome->verdict == FS_CLOSED && outcome->state == FS_SALE_NOT_OPEN)
        return FS_PROBLEM_SALE_NOT_OPEN;
    return verdicts[outcome->verdict];
}

/* Of the purchase that the request asks for. */
static const char *purchase_doubt(enum fs_problem problem, const struct fs_doubt *doubt)
{
    if (problem == FS_PROBLEM_UNDETERMINED && !doubt->was_sent)
        return "The store cannot be asked. This request took nothing, but an earlier request with "
               "the "
               "same key was sold or may have been: repeat the request, or look the order up.";
    if (problem == FS_PROBLEM_UNDETERMINED)
        return doubt->has_key
                   ? "The store did not reply in time; units may have been taken. Repeat "
                     "the request with the same key, or look the order up."
                   : "The store did not reply in time; units may have been taken. Look "
                     "the order up.";
    if (problem == FS_PROBLEM_BUSY)
        return doubt->has_key ? "The server is busy. This request took nothing; whether an earlier "
                                "request with the same key did is not known."
                              : "The server is busy; nothing was taken.";
    return doubt->has_key
               ? "The store cannot be asked. This request took nothing; whether an earlier "
                 "request with the same key did is not known."
               : "The store cannot be asked; nothing was taken.";
}

static const char *cancel_doubt(enum fs_problem problem, const struct fs_doubt *doubt)
{
    if (problem != FS_PROBLEM_UNDETERMINED)
        return "The server is busy; this request cancelled nothing.";
    return doubt->was_sent
               ? "The store did not reply in time; the order may have been cancelled. "
                 "Repeat the request."
               : "The store cannot be asked. This request cancelled nothing; whether the "
                 "order exists or is cancelled is not known. Repeat the request.";
}

struct fs_text fs_problem_doubt(enum fs_problem problem, const struct fs_doubt *doubt)
{
    const char *detail = NULL;

    if (problem != FS_PROBLEM_BUSY && problem != FS_PROBLEM_UNAVAILABLE &&
        problem != FS_PROBLEM_UNDETERMINED)
        return (struct fs_text){0};
    if (doubt->endpoint == FS_ENDPOINT_PURCHASE)
        detail = purchase_doubt(problem, doubt);
    else if (doubt->endpoint == FS_ENDPOINT_CANCEL)
        detail = cancel_doubt(problem, doubt);
    else if (doubt->endpoint == FS_ENDPOINT_ORDER && problem == FS_PROBLEM_UNDETERMINED)
        detail = "The store did not answer: whether this order exists is not known. Ask again.";
    else if (doubt->is_read && problem == FS_PROBLEM_UNDETERMINED)
        detail = "The store did not reply in time; nothing was changed.";
    else if (problem == FS_PROBLEM_UNDETERMINED)
        detail =
            "The store did not reply in time; the change may have been made. Read the sale, or "
            "repeat the change with the same Idempotency-Key.";
    return detail ? fs_text_of(detail) : (struct fs_text){0};
}

enum fs_problem fs_problem_of_status(int status)
{
    if (status == 413)
        return FS_PROBLEM_BODY_TOO_LARGE;
    if (status == 404)
        return FS_PROBLEM_NOT_FOUND;
    return status < 500 ? FS_PROBLEM_INVALID_REQUEST : FS_PROBLEM_INTERNAL_ERROR;
}

void fs_problem_write(struct fs_buffer *buffer, enum fs_problem problem, struct fs_text detail,
                      struct fs_text request_id, struct fs_text order_id)
{
    const struct fs_problem_kind *kind = fs_problem_kind(problem);

    fs_buffer_add(buffer, FS_TEXT("{\"type\":\"urn:flashsale:problem:"));
    fs_buffer_add(buffer, fs_text_of(kind->code));
    fs_buffer_add(buffer, FS_TEXT("\",\"title\":"));
    fs_buffer_add_json(buffer, fs_text_of(kind->title));
    fs_buffer_add(buffer, FS_TEXT(",\"status\":"));
    fs_buffer_add_i64(buffer, kind->status);
    fs_buffer_add(buffer, FS_TEXT(",\"detail\":"));
    fs_buffer_add_json(buffer, detail.len > 0 ? detail : fs_text_of(kind->detail));
    fs_buffer_add(buffer, FS_TEXT(",\"code\":\""));
    fs_buffer_add(buffer, fs_text_of(kind->code));
    fs_buffer_add(buffer, FS_TEXT("\",\"request_id\":\""));
    fs_buffer_add(buffer, request_id);
    if (order_id.len > 0) {
        fs_buffer_add(buffer, FS_TEXT("\",\"order_id\":\""));
        fs_buffer_add(buffer, order_id);
    }
    fs_buffer_add(buffer, FS_TEXT("\"}"));
}

const char *fs_status_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Internal Server Error";
    }
}
