/* The JSON of answers: products, sales, orders. */
#ifndef FS_HTTP_ANSWER_H
#define FS_HTTP_ANSWER_H

#include "base/text.h"
#include "purchase/purchase.h"

/* Bytes that hold any one sale, order or purchase as JSON. */
#define FS_ANSWER_SIZE 2304u

/* A product id: a number when it is written as JSON writes one of at most 15 digits, else a text. */
void fs_answer_add_product(struct fs_buffer *buffer, struct fs_text product);

/* Unix milliseconds as a text; null for 0. */
void fs_answer_add_time(struct fs_buffer *buffer, int64_t unix_ms);

/* "open", "paused", "closed", "not_open", "frozen", "lost", "foreign". */
const char *fs_answer_state(enum fs_sale_state state);

/* What an operator does about a sale in this state; "" where there is nothing to do. */
const char *fs_answer_next_step(enum fs_sale_state state);

void fs_answer_add_purchase(struct fs_buffer *buffer, const struct fs_order_id *order,
                            struct fs_text product, uint32_t quantity, int64_t remaining);

/* A purchase that was added last is the replay of order: where that was cancelled since, it says so. */
void fs_answer_amend_cancelled(struct fs_buffer *buffer, const struct fs_order_info *order);

/* now_ms: Unix time by the server's clock, so that a page can count down to the opening. */
void fs_answer_add_inventory(struct fs_buffer *buffer, const struct fs_sale_info *sale,
                             int64_t now_ms);

/* The members reason, since and next_step, each behind a comma. */
void fs_answer_add_trouble(struct fs_buffer *buffer, const struct fs_sale_trouble *trouble);

/* trouble: NULL, or with state 0: none. */
void fs_answer_add_sale(struct fs_buffer *buffer, const struct fs_sale_info *sale,
                        const struct fs_sale_trouble *trouble);
void fs_answer_add_order(struct fs_buffer *buffer, const struct fs_order_id *id,
                         const struct fs_order_info *order);

#endif
