/* /admin/products: what there is to sell, and the audit of it. */
#include "http/routes.h"

#include "base/limits.h"
#include "http/answer.h"
#include "http/catalogue.h"

#define TERMS_SIZE 4096u /* at first; grows */

static void on_sale_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct fs_buffer body;

    if (op->outcome.verdict != FS_DONE || !op->has_sale) {
        fs_exchange_fail_verdict(exchange, &op->outcome, false);
        return;
    }
    if (fs_sale_is_deleted(&op->sale)) {
        fs_exchange_fail(exchange, FS_PROBLEM_UNKNOWN_PRODUCT, (struct fs_text){0});
        return;
    }
    fs_catalogue_add(exchange->http->catalogue, op->sale.product);
    body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);
    fs_answer_add_sale(&body, &op->sale, &op->trouble);
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
