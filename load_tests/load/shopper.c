/* Draws what users do and writes their requests: all that is constant of a user's request is kept as
 * one block, so that a request is a few copies. */
#include "load/shopper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "load/load.h"

#define CUT_AFTER_US_MAX 500u
#define TOKEN_SIZE FS_REPLY_BODY_SIZE

static enum fs_operation_kind draw_kind(const struct fs_mix *mix, double unit)
{
    const uint32_t weights[] = {mix->purchase, mix->inventory, mix->cancel, mix->lookup,
                                mix->restock};
    const enum fs_operation_kind kinds[] = {FS_OPERATION_PURCHASE, FS_OPERATION_INVENTORY,
                                            FS_OPERATION_CANCEL, FS_OPERATION_LOOKUP,
                                            FS_OPERATION_RESTOCK};
    double sum = 0;
    double at;

    for (size_t i = 0; i < 5; i++)
        sum += weights[i];
    at = unit * sum;
    for (size_t i = 0; i < 5; i++) {
        if (at < weights[i])
            return kinds[i];
        at -= weights[i];
    }
    return FS_OPERATION_PURCHASE;
}

static uint16_t draw_product(const struct fs_scenario *scenario, double hot, double unit)
{
    size_t count = scenario->product_count;

    if (scenario->hot_share > 0) {
        if (hot < scenario->hot_share)
            return 0;
        return (uint16_t)(1 + (size_t)(unit * (double)(count - 1)));
    }
    return (uint16_t)(unit * (double)count);
}

struct fs_choice fs_choice_draw(const struct fs_scenario *scenario, struct fs_random *random,
                                bool has_admin)
{
    const struct fs_retry *retry = &scenario->retry;
    struct fs_choice choice = {.kind = draw_kind(&scenario->mix, fs_random_unit(random))};
    double hot = fs_random_unit(random);

    choice.product = draw_product(scenario, hot, fs_random_unit(random));
    choice.quantity =
        (uint16_t)fs_random_between(random, scenario->quantity_min, scenario->quantity_max);
    choice.is_doubled = fs_random_unit(random) < retry->share_doubled;
    choice.is_concurrent = fs_random_unit(random) < retry->share_concurrent && choice.is_doubled;
    choice.is_cut = fs_random_unit(random) < retry->share_cut;
    choice.is_cut_by_reset = fs_random_u64(random) >> 63;
    choice.cut_after_us = fs_random_between(random, 0, CUT_AFTER_US_MAX);
    choice.think_us = fs_random_between(random, scenario->think_us_min, scenario->think_us_max);
    if (choice.is_cut)
        choice.is_doubled = choice.is_concurrent = false;
    if (choice.kind == FS_OPERATION_RESTOCK && !has_admin)
        choice.kind = FS_OPERATION_INVENTORY;
    if (choice.kind == FS_OPERATION_RESTOCK)
        choice.quantity = (uint16_t)scenario->restock_units;
    return choice;
}

void fs_shopper_init(struct fs_shopper *shopper, uint32_t index, uint64_t seed)
{
    *shopper = (struct fs_shopper){.index = index, .random = fs_random_of(seed, index)};
}

void fs_shopper_dispose(struct fs_shopper *shopper)
{
    free(shopper->head);
    shopper->head = NULL;
}

int fs_shopper_log_in(struct fs_shopper *shopper, const struct fs_load_reply *reply,
                      const char *host, uint64_t now_us)
{
    char token[TOKEN_SIZE];
    int64_t expires_s = 3600;
    char *head;
    int len;

    if (reply->status != 200 || !fs_load_reply_text(reply, "access_token", token, sizeof(token)))
        return -EINVAL;
    fs_load_reply_number(reply, "expires_in", &expires_s);
    len = asprintf(&head, "Host: %s\r\nAuthorization: Bearer %s\r\n", host, token);
    if (len < 0)
        return -ENOMEM;
    free(shopper->head);
    shopper->head = head;
    shopper->head_len = (uint32_t)len;
    shopper->renew_us = now_us + (uint64_t)expires_s * 800000u; /* at four fifths of its life */
    return 0;
}

void fs_shopper_add_order(struct fs_shopper *shopper, const char *id, uint16_t product)
{
    struct fs_shopper_order *order = &shopper->orders[shopper->order_next];

    memcpy(order->id, id, sizeof(order->id));
    order->product = product;
    shopper->order_next = (uint8_t)((shopper->order_next + 1) % FS_SHOPPER_ORDERS);
    if (shopper->order_count < FS_SHOPPER_ORDERS)
        shopper->order_count++;
}

const struct fs_shopper_order *fs_shopper_order(struct fs_shopper *shopper, bool take)
{
    size_t last = (shopper->order_next + FS_SHOPPER_ORDERS - 1u) % FS_SHOPPER_ORDERS;

    if (shopper->order_count == 0)
        return NULL;
    if (take) {
        shopper->order_next = (uint8_t)last;
        shopper->order_count--;
    }
    return &shopper->orders[last];
}

static void add_hex(struct fs_buffer *buffer, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    char text[16];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = digits[value >> (60 - 4 * i) & 15];
    fs_buffer_add(buffer, (struct fs_text){text, sizeof(text)});
}

static void add_key(struct fs_buffer *buffer, uint64_t run, uint64_t attempt)
{
    add_hex(buffer, run);
    fs_buffer_add(buffer, FS_TEXT("-"));
    add_hex(buffer, attempt);
}

void fs_load_key(uint64_t run, uint64_t attempt, char key[FS_LOAD_KEY_SIZE])
{
    struct fs_buffer buffer = fs_buffer_of(key, FS_LOAD_KEY_SIZE - 1);

    add_key(&buffer, run, attempt);
    key[buffer.len] = '\0';
}

static void add_head(struct fs_buffer *buffer, const struct fs_shopper *shopper)
{
    fs_buffer_add(buffer, (struct fs_text){shopper->head, shopper->head_len});
}

static void add_body(struct fs_buffer *buffer, struct fs_text body)
{
    fs_buffer_add(buffer, FS_TEXT("Content-Type: application/json\r\nContent-Length: "));
    fs_buffer_add_u64(buffer, body.len);
    fs_buffer_add(buffer, FS_TEXT("\r\n\r\n"));
    fs_buffer_add(buffer, body);
}

static void write_purchase(struct fs_buffer *buffer, const struct fs_shopper *shopper,
                           const struct fs_request *request)
{
    char text[32];
    struct fs_buffer body = fs_buffer_of(text, sizeof(text));

    fs_buffer_add(&body, FS_TEXT("{\"quantity\":"));
    fs_buffer_add_u64(&body, request->quantity);
    fs_buffer_add(&body, FS_TEXT("}"));
    fs_buffer_add(buffer, FS_TEXT("POST /purchase/"));
    fs_buffer_add(buffer, fs_text_of(request->product));
    fs_buffer_add(buffer, FS_TEXT(" HTTP/1.1\r\n"));
    add_head(buffer, shopper);
    fs_buffer_add(buffer, FS_TEXT("Idempotency-Key: "));
    add_key(buffer, request->run, request->attempt);
    fs_buffer_add(buffer, FS_TEXT("\r\n"));
    add_body(buffer, (struct fs_text){body.data, body.len});
}

static void write_login(struct fs_buffer *buffer, const struct fs_shopper *shopper,
                        const struct fs_request *request)
{
    char text[2048];
    struct fs_buffer body = fs_buffer_of(text, sizeof(text));

    fs_buffer_add_format(&body, "{\"username\":\"user_%u\",\"password\":", shopper->index + 1);
    fs_buffer_add_json(&body, fs_text_of(request->password));
    fs_buffer_add(&body, FS_TEXT("}"));
    fs_buffer_add_format(buffer, "POST /login HTTP/1.1\r\nHost: %s\r\n", request->host);
    add_body(buffer, (struct fs_text){body.data, body.len});
}

static void write_restock(struct fs_buffer *buffer, const struct fs_request *request)
{
    char text[32];
    struct fs_buffer body = fs_buffer_of(text, sizeof(text));

    fs_buffer_add_format(&body, "{\"add\":%u}", request->quantity);
    fs_buffer_add_format(buffer,
                         "PATCH /admin/products/%s HTTP/1.1\r\nHost: %s\r\n"
                         "Authorization: Bearer %s\r\nIdempotency-Key: ",
                         request->product, request->host, request->admin_token);
    add_key(buffer, request->run, request->attempt);
    fs_buffer_add(buffer, FS_TEXT("\r\n"));
    add_body(buffer, (struct fs_text){body.data, body.len});
}

static void write_bare(struct fs_buffer *buffer, const struct fs_shopper *shopper,
                       struct fs_text method_and_path, const char *id)
{
    fs_buffer_add(buffer, method_and_path);
    fs_buffer_add(buffer, fs_text_of(id));
    fs_buffer_add(buffer, FS_TEXT(" HTTP/1.1\r\n"));
    add_head(buffer, shopper);
    fs_buffer_add(buffer, FS_TEXT("\r\n"));
}

void fs_request_write(struct fs_buffer *buffer, const struct fs_shopper *shopper,
                      const struct fs_request *request)
{
    switch (request->kind) {
    case FS_OPERATION_PURCHASE:
        write_purchase(buffer, shopper, request);
        break;
    case FS_OPERATION_INVENTORY:
        write_bare(buffer, shopper, FS_TEXT("GET /inventory/"), request->product);
        break;
    case FS_OPERATION_CANCEL:
        write_bare(buffer, shopper, FS_TEXT("DELETE /orders/"), request->order_id);
        break;
    case FS_OPERATION_LOOKUP:
        write_bare(buffer, shopper, FS_TEXT("GET /orders/"), request->order_id);
        break;
    case FS_OPERATION_RESTOCK:
        write_restock(buffer, request);
        break;
    case FS_OPERATION_LOGIN:
        write_login(buffer, shopper, request);
        break;
    }
}
