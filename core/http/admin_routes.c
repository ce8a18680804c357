/* /admin/products: what there is to sell, and the audit of it. */
#include "http/routes.h"

#include "base/limits.h"
#include "http/answer.h"
#include "http/body.h"
#include "http/catalogue.h"
#include "http/change_body.h"

#define TERMS_SIZE 4096u /* at first; grows */

static void fail_frozen(struct fs_exchange *exchange, const struct fs_sale_trouble *trouble)
{
    struct fs_buffer detail = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);

    if (trouble->state != 0) {
        fs_buffer_add_format(&detail, "The sale is %s: ", fs_answer_state(trouble->state));
        fs_buffer_add(&detail, trouble->reason);
        fs_buffer_add_format(&detail, ". %s", fs_answer_next_step(trouble->state));
    }
    fs_exchange_fail(exchange, FS_PROBLEM_SALE_FROZEN, (struct fs_text){detail.data, detail.len});
}

static void on_sale_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct fs_buffer body;

    if (op->outcome.verdict == FS_TOO_MANY) { /* of a change it means sales, not units */
        fs_exchange_fail(exchange, FS_PROBLEM_TOO_MANY_SALES, (struct fs_text){0});
        return;
    }
    if (op->outcome.verdict == FS_CLOSED) { /* and of a change that the sale is frozen or lost */
        fail_frozen(exchange, &op->trouble);
        return;
    }
    if (op->outcome.verdict != FS_DONE || !op->has_sale) {
        fs_exchange_fail_verdict(exchange, &op->outcome, false);
        return;
    }
    fs_catalogue_add(exchange->http->catalogue, op->sale.product);
    body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);
    fs_answer_add_sale(&body, &op->sale, &op->trouble);
    if (op->outcome.replayed)
        fs_exchange_header(exchange, FS_TEXT("idempotency-replayed"), FS_TEXT("true"));
    fs_exchange_reply_json(exchange, &body);
}

static const struct fs_op_client sale_client = {.on_end = on_sale_end};

void fs_serve_product(struct fs_exchange *exchange)
{
    struct fs_op *op = fs_exchange_take_op(exchange, FS_OP_COUNT, &sale_client);

    if (!op)
        return;
    fs_op_set_product(op, exchange->id);
    fs_op_submit(op);
}

static void on_list_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct fs_buffer body;
    size_t at = 0; /* of the next trouble */

    if (op->outcome.verdict != FS_DONE) {
        fs_exchange_fail_verdict(exchange, &op->outcome, false);
        return;
    }
    body = fs_exchange_buffer(exchange, (exchange->sale_count + 1) * FS_ANSWER_SIZE);
    fs_buffer_add(&body, FS_TEXT("{\"products\":["));
    for (size_t i = 0; i < exchange->sale_count; i++) {
        const struct fs_sale_trouble *trouble = NULL;

        if (i > 0)
            fs_buffer_add(&body, FS_TEXT(","));
        if (at < exchange->trouble_count && exchange->troubles[at].sale == i)
            trouble = &exchange->troubles[at++].trouble;
        fs_answer_add_sale(&body, &exchange->sales[i], trouble);
    }
    fs_buffer_add(&body, FS_TEXT("]}"));
    fs_exchange_reply_json(exchange, &body);
}

void fs_serve_products(struct fs_exchange *exchange)
{
    static const struct fs_op_client client = {
        .on_end = on_list_end, .on_sale = fs_keep_sale, .on_trouble = fs_keep_trouble};
    struct fs_op *op = fs_exchange_take_op(exchange, FS_OP_LIST, &client);

    if (op)
        fs_op_submit(op);
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

static void serve_change(struct fs_exchange *exchange, bool is_put)
{
    const h2o_iovec_t entity = exchange->req->entity;
    char detail_text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(detail_text, sizeof(detail_text));
    struct fs_sale_change change;
    struct fs_op *op;

    if (!fs_idempotency_key_is_valid(exchange->idempotency_key)) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST, FS_KEY_DETAIL);
        return;
    }
    if (fs_change_body_read((struct fs_text){entity.base, entity.len}, is_put, &change, &detail) !=
        0) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         (struct fs_text){detail.data, detail.len});
        return;
    }
    if (name_change(exchange, &change) != 0) {
        fs_exchange_fail(exchange, FS_PROBLEM_INTERNAL_ERROR, (struct fs_text){0});
        return;
    }
    change.product = exchange->id;
    op = fs_exchange_take_op(exchange, FS_OP_CHANGE, &sale_client);
    if (!op)
        return;
    fs_op_set_change(op, &change);
    fs_op_submit(op);
}

void fs_serve_product_put(struct fs_exchange *exchange)
{
    serve_change(exchange, true);
}

void fs_serve_product_patch(struct fs_exchange *exchange)
{
    serve_change(exchange, false);
}

static void make_room(struct fs_exchange *exchange, size_t needed)
{
    struct fs_buffer *terms = &exchange->terms;
    struct fs_buffer larger;

    if (terms->capacity - terms->len >= needed)
        return;
    larger = fs_exchange_buffer(exchange, 2 * terms->capacity + needed);
    fs_buffer_add(&larger, (struct fs_text){terms->data, terms->len});
    *terms = larger;
}

static void on_term(struct fs_op *op, void *data, struct fs_text name, int64_t value)
{
    const struct fs_text ending = FS_TEXT("_difference");
    struct fs_exchange *exchange = data;

    (void)op;
    make_room(exchange, 6 * name.len + 32); /* six bytes for one that JSON escapes */
    if (exchange->terms.len > 0)
        fs_buffer_add(&exchange->terms, FS_TEXT(","));
    fs_buffer_add_json(&exchange->terms, name);
    fs_buffer_add(&exchange->terms, FS_TEXT(":"));
    fs_buffer_add_i64(&exchange->terms, value);
    if (value != 0 && name.len >= ending.len &&
        memcmp(name.data + name.len - ending.len, ending.data, ending.len) == 0)
        exchange->is_sound = false;
}

static void on_audit_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct fs_buffer body;

    if (op->outcome.verdict != FS_DONE) {
        fs_exchange_fail_verdict(exchange, &op->outcome, false);
        return;
    }
    body = fs_exchange_buffer(exchange, exchange->terms.len + FS_ANSWER_SIZE);
    fs_buffer_add(&body, FS_TEXT("{\"product_id\":"));
    fs_answer_add_product(&body, exchange->id);
    fs_buffer_add(&body, exchange->is_sound ? FS_TEXT(",\"sound\":true,\"terms\":{")
                                            : FS_TEXT(",\"sound\":false,\"terms\":{"));
    fs_buffer_add(&body, (struct fs_text){exchange->terms.data, exchange->terms.len});
    fs_buffer_add(&body, FS_TEXT("}}"));
    fs_exchange_reply_json(exchange, &body);
}

void fs_serve_audit(struct fs_exchange *exchange)
{
    static const struct fs_op_client client = {.on_end = on_audit_end, .on_term = on_term};
    struct fs_op *op = fs_exchange_take_op(exchange, FS_OP_AUDIT, &client);

    if (!op)
        return;
    exchange->is_sound = true;
    exchange->terms = fs_exchange_buffer(exchange, TERMS_SIZE);
    fs_op_set_product(op, exchange->id);
    fs_op_submit(op);
}
