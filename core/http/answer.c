/* Writes answers as JSON by hand: their form is fixed and they are the most frequent thing that the
 * server does. */
#include "http/answer.h"

#include "base/clock.h"

static bool looks_like_a_number(struct fs_text product)
{
    if (product.len == 0 || product.len > 15 || (product.data[0] == '0' && product.len > 1))
        return false;
    for (size_t i = 0; i < product.len; i++)
        if (product.data[i] < '0' || product.data[i] > '9')
            return false;
    return true;
}

void fs_answer_add_product(struct fs_buffer *buffer, struct fs_text product)
{
    if (looks_like_a_number(product)) {
        fs_buffer_add(buffer, product);
        return;
    }
    fs_buffer_add_json(buffer, product);
}

void fs_answer_add_time(struct fs_buffer *buffer, int64_t unix_ms)
{
    char text[FS_CLOCK_TEXT_SIZE];

    if (unix_ms == 0) {
        fs_buffer_add(buffer, FS_TEXT("null"));
        return;
    }
    fs_buffer_add(buffer, FS_TEXT("\""));
    fs_buffer_add(buffer, (struct fs_text){text, fs_clock_format(unix_ms, text)});
    fs_buffer_add(buffer, FS_TEXT("\""));
}

const char *fs_answer_state(enum fs_sale_state state)
{
    switch (state) {
    case FS_SALE_OPEN:
        return "open";
    case FS_SALE_PAUSED:
        return "paused";
    case FS_SALE_NOT_OPEN:
        return "not_open";
    case FS_SALE_FROZEN:
        return "frozen";
    case FS_SALE_LOST:
        return "lost";
    case FS_SALE_FOREIGN:
        return "foreign";
    case FS_SALE_CLOSED:
    default:
        return "closed";
    }
}

void fs_answer_add_purchase(struct fs_buffer *buffer, const struct fs_order_id *order,
                            struct fs_text product, uint32_t quantity, int64_t remaining)
{
    fs_buffer_add(buffer, FS_TEXT("{\"order_id\":\""));
    fs_buffer_add(buffer, (struct fs_text){order->text, FS_ORDER_ID_LEN});
    fs_buffer_add(buffer, FS_TEXT("\",\"product_id\":"));
    fs_answer_add_product(buffer, product);
    fs_buffer_add(buffer, FS_TEXT(",\"quantity\":"));
    fs_buffer_add_u64(buffer, quantity);
    fs_buffer_add(buffer, FS_TEXT(",\"remaining\":"));
    if (remaining >= 0)
        fs_buffer_add_i64(buffer, remaining);
    else
        fs_buffer_add(buffer, FS_TEXT("null"));
    fs_buffer_add(buffer, FS_TEXT("}"));
}

const char *fs_answer_next_step(enum fs_sale_state state)
{
    switch (state) {
    case FS_SALE_FROZEN:
        return "Audit the sale, then reset it to sell again: flashsale stock audit ID; flashsale "
               "stock "
               "set ID N --reset.";
    case FS_SALE_LOST:
        return "Restore the store's data from a copy, or reset the sale: flashsale stock set ID N "
               "--reset.";
    case FS_SALE_FOREIGN:
        return "Start the server with the stores, their order and the strategy that the data "
               "belongs "
               "to, or point it at empty stores.";
    default:
        return "";
    }
}

void fs_answer_amend_cancelled(struct fs_buffer *buffer, const struct fs_order_info *order)
{
    if (order->status != FS_ORDER_CANCELLED)
        return;
    buffer->len--; /* the brace */
    fs_buffer_add(buffer, FS_TEXT(",\"status\":\"cancelled\",\"cancelled_at\":"));
    fs_answer_add_time(buffer, order->cancelled_at_ms);
    fs_buffer_add(buffer, FS_TEXT("}"));
}

static void add_name(struct fs_buffer *buffer, const char *name)
{
    fs_buffer_add(buffer, FS_TEXT(",\""));
    fs_buffer_add(buffer, fs_text_of(name));
    fs_buffer_add(buffer, FS_TEXT("\":"));
}

static void add_member(struct fs_buffer *buffer, const char *name, int64_t value)
{
    add_name(buffer, name);
    fs_buffer_add_i64(buffer, value);
}

/* Of a sale that is lost nothing is known: null. */
static void add_units(struct fs_buffer *buffer, const char *name, int64_t value,
                      const struct fs_sale_info *sale)
{
    add_name(buffer, name);
    if (sale->state != FS_SALE_LOST && sale->state != FS_SALE_FOREIGN)
        fs_buffer_add_i64(buffer, value);
    else
        fs_buffer_add(buffer, FS_TEXT("null"));
}

static void add_time(struct fs_buffer *buffer, const char *name, int64_t unix_ms)
{
    add_name(buffer, name);
    fs_answer_add_time(buffer, unix_ms);
}

static void add_state(struct fs_buffer *buffer, enum fs_sale_state state)
{
    fs_buffer_add(buffer, FS_TEXT(",\"state\":\""));
    fs_buffer_add(buffer, fs_text_of(fs_answer_state(state)));
    fs_buffer_add(buffer, FS_TEXT("\""));
}

void fs_answer_add_inventory(struct fs_buffer *buffer, const struct fs_sale_info *sale,
                             int64_t now_ms)
{
    fs_buffer_add(buffer, FS_TEXT("{\"product_id\":"));
    fs_answer_add_product(buffer, sale->product);
    add_units(buffer, "stock", sale->units_left, sale);
    add_units(buffer, "initial", sale->units_initial, sale);
    add_state(buffer, sale->state);
    add_time(buffer, "opens_at", sale->opens_at_ms);
    add_time(buffer, "closes_at", sale->closes_at_ms);
    add_time(buffer, "server_time", now_ms);
    fs_buffer_add(buffer, FS_TEXT("}"));
}

void fs_answer_add_trouble(struct fs_buffer *buffer, const struct fs_sale_trouble *trouble)
{
    fs_buffer_add(buffer, FS_TEXT(",\"reason\":"));
    fs_buffer_add_json(buffer, trouble->reason);
    fs_buffer_add(buffer, FS_TEXT(",\"since\":"));
    fs_answer_add_time(buffer, trouble->since_ms);
    fs_buffer_add(buffer, FS_TEXT(",\"next_step\":"));
    fs_buffer_add_json(buffer, fs_text_of(fs_answer_next_step(trouble->state)));
}

void fs_answer_add_sale(struct fs_buffer *buffer, const struct fs_sale_info *sale,
                        const struct fs_sale_trouble *trouble)
{
    fs_buffer_add(buffer, FS_TEXT("{\"product_id\":"));
    fs_answer_add_product(buffer, sale->product);
    add_units(buffer, "stock", sale->units_left, sale);
    add_units(buffer, "initial", sale->units_initial, sale);
    add_units(buffer, "restocked", sale->units_restocked, sale);
    add_units(buffer, "sold", sale->units_sold, sale);
    add_units(buffer, "in_transit", sale->units_in_transit, sale);
    add_state(buffer, sale->state);
    add_units(buffer, "per_user_max", sale->units_per_buyer_max, sale);
    add_units(buffer, "max_quantity", sale->units_per_order_max, sale);
    add_time(buffer, "opens_at", sale->opens_at_ms);
    add_time(buffer, "closes_at", sale->closes_at_ms);
    fs_buffer_add(buffer, FS_TEXT(",\"epoch\":"));
    fs_buffer_add_u64(buffer, sale->epoch);
    fs_buffer_add(buffer, FS_TEXT(",\"sequence\":"));
    fs_buffer_add_u64(buffer, sale->sequence);
    if (trouble && trouble->state != 0)
        fs_answer_add_trouble(buffer, trouble);
    fs_buffer_add(buffer, FS_TEXT("}"));
}

void fs_answer_add_order(struct fs_buffer *buffer, const struct fs_order_id *id,
                         const struct fs_order_info *order)
{
    bool is_cancelled = order->status == FS_ORDER_CANCELLED;

    fs_buffer_add(buffer, FS_TEXT("{\"order_id\":\""));
    fs_buffer_add(buffer, (struct fs_text){id->text, FS_ORDER_ID_LEN});
    fs_buffer_add(buffer, FS_TEXT("\",\"product_id\":"));
    fs_answer_add_product(buffer, order->product);
    add_member(buffer, "quantity", order->units);
    fs_buffer_add(buffer, is_cancelled ? FS_TEXT(",\"status\":\"cancelled\"")
                                       : FS_TEXT(",\"status\":\"sold\""));
    fs_buffer_add(buffer, FS_TEXT(",\"sold_at\":"));
    fs_answer_add_time(buffer, order->sold_at_ms);
    if (is_cancelled) {
        fs_buffer_add(buffer, FS_TEXT(",\"cancelled_at\":"));
        fs_answer_add_time(buffer, order->cancelled_at_ms);
    }
    fs_buffer_add(buffer, FS_TEXT("}"));
}
