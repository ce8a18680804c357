/* PUT, PATCH and DELETE /admin/products/{product}.
 *
 * The sale is read first: a change is judged with what is stored, and the audit log says what was there
 * before.  A sale that cannot be read is changed all the same, but for what needs to know it.
 *
 * A deleted sale stays in the store, closed, with its window's end at FS_SALE_DELETED_MS: so its orders
 * can be looked up, and a new sale of the product begins in a later epoch. */
#include "http/routes.h"

#include "base/clock.h"
#include "base/limits.h"
#include "http/answer.h"
#include "http/audit_log.h"
#include "http/body.h"
#include "http/catalogue.h"
#include "http/change_body.h"

#define AUDIT_SIZE (2 * FS_ANSWER_SIZE + FS_BODY_LEN_MAX + 2048u)

enum action { CREATE_OR_RESET = 1, UPDATE, DELETE };

struct change_request {
    struct fs_exchange *exchange;
    enum action action;
    bool is_forced;
    struct fs_sale_change change;
    bool has_before;
    struct fs_sale_info before; /* its product is the exchange's */
};

static const char *const actions[] = {
    [CREATE_OR_RESET] = "put", [UPDATE] = "patch", [DELETE] = "delete"};

/* Every byte that may stand in a name of people, in a log and in a header. */
static bool is_operator(struct fs_text name)
{
    if (name.len == 0 || name.len > FS_OPERATOR_LEN_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x20 || name.data[i] > 0x7e)
            return false;
    return true;
}

static void add_text(struct fs_buffer *line, const char *name, struct fs_text text)
{
    fs_buffer_add_format(line, ",\"%s\":", name);
    if (text.len > 0)
        fs_buffer_add_json(line, text);
    else
        fs_buffer_add(line, FS_TEXT("null"));
}

static void add_sale(struct fs_buffer *line, const char *name, const struct fs_sale_info *sale)
{
    fs_buffer_add_format(line, ",\"%s\":", name);
    if (sale)
        fs_answer_add_sale(line, sale, NULL);
    else
        fs_buffer_add(line, FS_TEXT("null"));
}

/* Who asked for what, what became of it, and the sale before and after. */
static void record(const struct change_request *request, const char *outcome,
                   const struct fs_sale_info *after)
{
    struct fs_exchange *exchange = request->exchange;
    const struct fs_http_server *server = exchange->http->server;
    const h2o_iovec_t entity = exchange->req->entity;
    struct fs_buffer line = fs_exchange_buffer(exchange, AUDIT_SIZE);

    if (!server->audit_log)
        return;
    fs_buffer_add(&line, FS_TEXT("{\"at\":"));
    fs_answer_add_time(&line, fs_clock_wall_ms());
    add_text(&line, "operator", exchange->x_operator);
    fs_buffer_add_format(&line, ",\"action\":\"%s\",\"product_id\":", actions[request->action]);
    fs_answer_add_product(&line, exchange->id);
    add_text(&line, "key", exchange->idempotency_key);
    add_text(&line, "request_id", (struct fs_text){exchange->request_id, exchange->request_id_len});
    fs_buffer_add_format(&line, ",\"outcome\":\"%s\",\"asked\":", outcome);
    if (entity.len > 0)
        fs_buffer_add_json(&line, (struct fs_text){entity.base, entity.len});
    else
        fs_buffer_add(&line, FS_TEXT("null"));
    add_sale(&line, "before", request->has_before ? &request->before : NULL);
    add_sale(&line, "after", after);
    fs_buffer_add(&line, FS_TEXT("}\n"));
    if (!line.overflowed)
        fs_audit_log_write(server->log, server->audit_log, (struct fs_text){line.data, line.len});
}

static void fail(const struct change_request *request, enum fs_problem problem,
                 struct fs_text detail)
{
    record(request, fs_problem_kind(problem)->code, NULL);
    fs_exchange_fail(request->exchange, problem, detail);
}

static void fail_frozen(const struct change_request *request, const struct fs_sale_trouble *trouble)
{
    struct fs_buffer detail = fs_exchange_buffer(request->exchange, FS_ANSWER_SIZE);

    if (trouble->state != 0) {
        fs_buffer_add_format(&detail, "The sale is %s: ", fs_answer_state(trouble->state));
        fs_buffer_add(&detail, trouble->reason);
        fs_buffer_add_format(&detail, ". %s", fs_answer_next_step(trouble->state));
    }
    fail(request, FS_PROBLEM_SALE_FROZEN, (struct fs_text){detail.data, detail.len});
}

static void reply_deleted(struct fs_exchange *exchange)
{
    struct fs_buffer body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);

    fs_buffer_add(&body, FS_TEXT("{\"product_id\":"));
    fs_answer_add_product(&body, exchange->id);
    fs_buffer_add(&body, FS_TEXT(",\"deleted\":true}"));
    fs_exchange_reply_json(exchange, &body);
}

static void on_change_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct change_request *request = exchange->data;
    const struct fs_outcome *outcome = &op->outcome;
    struct fs_buffer body;

    if (outcome->verdict == FS_TOO_MANY) { /* of a change it means sales, not units */
        fail(request, FS_PROBLEM_TOO_MANY_SALES, (struct fs_text){0});
    } else if (outcome->verdict == FS_SOLD_OUT) {
        fail(request, FS_PROBLEM_UNITS_NOT_LEFT, (struct fs_text){0});
    } else if (outcome->verdict ==
               FS_CLOSED) { /* and of a change that the sale is frozen or lost */
        fail_frozen(request, &op->trouble);
    } else if (outcome->verdict != FS_DONE || !op->has_sale) {
        record(request, fs_problem_kind(fs_problem_of(outcome, false))->code, NULL);
        fs_exchange_fail_verdict(exchange, outcome, false);
    } else {
        record(request, outcome->replayed ? "replayed" : "done", &op->sale);
        fs_catalogue_add(exchange->http->catalogue, op->sale.product);
        if (outcome->replayed)
            fs_exchange_header(exchange, FS_TEXT("idempotency-replayed"), FS_TEXT("true"));
        if (request->action == DELETE) {
            reply_deleted(exchange);
            return;
        }
        body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);
        fs_answer_add_sale(&body, &op->sale, &op->trouble);
        fs_exchange_reply_json(exchange, &body);
    }
}

static void submit_change(struct change_request *request)
{
    static const struct fs_op_client client = {.on_end = on_change_end};
    struct fs_op *op = fs_exchange_take_op(request->exchange, FS_OP_CHANGE, &client);

    if (!op)
        return;
    fs_op_set_change(op, &request->change);
    fs_op_submit(op);
}

static void on_count_of_sales(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct change_request *request = exchange->data;

    if (op->outcome.verdict == FS_DONE && exchange->sale_count >= FS_PRODUCTS_MAX)
        fail(request, FS_PROBLEM_TOO_MANY_SALES, (struct fs_text){0});
    else
        submit_change(request);
}

/* One sale more: deleted ones do not count. */
static void count_sales(struct change_request *request)
{
    static const struct fs_op_client client = {.on_end = on_count_of_sales,
                                               .on_sale = fs_keep_sale};
    struct fs_op *op = fs_exchange_take_op(request->exchange, FS_OP_LIST, &client);

    if (op)
        fs_op_submit(op);
}

/* A sale that was deleted begins anew, with nothing of the old one. */
static void begin_anew(struct fs_sale_change *change)
{
    change->kind = FS_CHANGE_RESET;
    change->units_per_buyer_max = change->units_per_buyer_max < 0 ? 0 : change->units_per_buyer_max;
    change->units_per_order_max = change->units_per_order_max < 0 ? 0 : change->units_per_order_max;
    change->opens_at_ms = change->opens_at_ms < 0 ? 0 : change->opens_at_ms;
    change->closes_at_ms = change->closes_at_ms < 0 ? 0 : change->closes_at_ms;
    change->state = change->state < 0 ? FS_SALE_OPEN : change->state;
}

/* The window that the sale would have.  NULL, or why it would never open. */
static const char *judge_window(const struct change_request *request)
{
    const struct fs_sale_change *change = &request->change;
    bool is_kept = request->has_before && change->kind != FS_CHANGE_CREATE &&
                   !fs_sale_is_deleted(&request->before);
    int64_t opens_ms = change->opens_at_ms >= 0 ? change->opens_at_ms
                       : is_kept                ? request->before.opens_at_ms
                                                : 0;
    int64_t closes_ms = change->closes_at_ms >= 0 ? change->closes_at_ms
                        : is_kept                 ? request->before.closes_at_ms
                                                  : 0;
    bool is_asked = change->opens_at_ms >= 0 || change->closes_at_ms >= 0;

    if (closes_ms <= 0 || (!is_asked && request->action == UPDATE))
        return NULL;
    if (closes_ms <= opens_ms)
        return "The window would never open: \"closes_at\" is not later than \"opens_at\" of the "
               "sale. Send both, or null for the other.";
    return NULL;
}

static void judge_delete(struct change_request *request)
{
    if (request->before.state >= FS_SALE_FROZEN)
        fail(request, FS_PROBLEM_SALE_FROZEN, (struct fs_text){0});
    else if (request->before.state != FS_SALE_CLOSED && !request->is_forced)
        fail(request, FS_PROBLEM_SALE_NOT_CLOSED, (struct fs_text){0});
    else
        submit_change(request);
}

static void judge(struct change_request *request)
{
    bool is_deleted = request->has_before && fs_sale_is_deleted(&request->before);
    const char *problem;

    if (is_deleted && request->action == UPDATE) {
        fail(request, FS_PROBLEM_UNKNOWN_PRODUCT, (struct fs_text){0});
        return;
    }
    if (is_deleted && request->action == DELETE) {
        record(request, "replayed", NULL);
        reply_deleted(request->exchange); /* however often it is asked */
        return;
    }
    if (request->action == DELETE) {
        judge_delete(request);
        return;
    }
    problem = judge_window(request);
    if (problem) {
        fail(request, FS_PROBLEM_INVALID_REQUEST, fs_text_of(problem));
        return;
    }
    if (is_deleted)
        begin_anew(&request->change);
    if (request->action == CREATE_OR_RESET && (is_deleted || !request->has_before))
        count_sales(request);
    else
        submit_change(request);
}

static void on_before(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct change_request *request = exchange->data;

    request->has_before = op->outcome.verdict == FS_DONE && op->has_sale;
    if (request->has_before) {
        request->before = op->sale;
        request->before.product = exchange->id;
    }
    if (request->action == DELETE && !request->has_before) {
        record(request, fs_problem_kind(fs_problem_of(&op->outcome, false))->code, NULL);
        fs_exchange_fail_verdict(exchange, &op->outcome, false);
        return;
    }
    judge(request);
}

/* A name for the change, so that a restock whose answer was lost can be sent again.  The NUL keeps
 * it apart from every buyer's names. */
static int name_change(struct fs_exchange *exchange, struct fs_sale_change *change)
{
    if (!exchange->idempotency_key.data)
        return 0;
    if (fs_order_name(exchange->http->namer, FS_TEXT("\0admin"), exchange->idempotency_key,
                      exchange->id, &exchange->order) != 0)
        return -1;
    change->change = fs_order_id_name(&exchange->order);
    return 0;
}

static bool check_headers(struct fs_exchange *exchange)
{
    if (!fs_idempotency_key_is_valid(exchange->idempotency_key))
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST, FS_KEY_DETAIL);
    else if (exchange->x_operator.data && !is_operator(exchange->x_operator))
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         FS_TEXT("X-Operator must be 1 to 64 printable ASCII characters."));
    else
        return true;
    return false;
}

static void begin(struct fs_exchange *exchange, const struct change_request *asked)
{
    static const struct fs_op_client client = {.on_end = on_before};
    struct change_request *request = h2o_mem_alloc_pool(&exchange->req->pool, sizeof(*request));
    struct fs_op *op;

    *request = *asked;
    request->exchange = exchange;
    if (name_change(exchange, &request->change) != 0) {
        fs_exchange_fail(exchange, FS_PROBLEM_INTERNAL_ERROR, (struct fs_text){0});
        return;
    }
    request->change.product = exchange->id;
    exchange->data = request;
    op = fs_exchange_take_op(exchange, FS_OP_COUNT, &client);
    if (!op)
        return;
    fs_op_set_product(op, exchange->id);
    fs_op_submit(op);
}

static void serve_change(struct fs_exchange *exchange, bool is_put)
{
    const h2o_iovec_t entity = exchange->req->entity;
    const uint32_t quantity_max = exchange->http->settings->quantity_max;
    struct fs_buffer detail = fs_exchange_buffer(exchange, FS_BODY_DETAIL_SIZE);
    struct change_request request = {.action = is_put ? CREATE_OR_RESET : UPDATE};

    if (!check_headers(exchange))
        return;
    if (fs_change_body_read((struct fs_text){entity.base, entity.len}, is_put, &request.change,
                            &detail) != 0) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         (struct fs_text){detail.data, detail.len});
        return;
    }
    if (request.change.units_per_order_max > quantity_max) {
        fs_buffer_add_format(&detail,
                             "The field \"max_quantity\" is above purchase.max_quantity (%u) of "
                             "this server, so it would have no effect.",
                             quantity_max);
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         (struct fs_text){detail.data, detail.len});
        return;
    }
    begin(exchange, &request);
}

void fs_serve_product_put(struct fs_exchange *exchange)
{
    serve_change(exchange, true);
}

void fs_serve_product_patch(struct fs_exchange *exchange)
{
    serve_change(exchange, false);
}

void fs_serve_product_delete(struct fs_exchange *exchange)
{
    const struct change_request request = {
        .action = DELETE,
        .is_forced = exchange->query.len > 0, /* force=1: the router allows no other */
        .change = {.kind = FS_CHANGE_UPDATE,
                   .units_reset = -1,
                   .units_per_buyer_max = -1,
                   .units_per_order_max = -1,
                   .opens_at_ms = 0,
                   .closes_at_ms = FS_SALE_DELETED_MS,
                   .state = FS_SALE_CLOSED},
    };

    if (check_headers(exchange))
        begin(exchange, &request);
}
