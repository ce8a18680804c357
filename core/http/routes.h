/* The tables of routes of both listeners, and what their functions share. */
#ifndef FS_HTTP_ROUTES_H
#define FS_HTTP_ROUTES_H

#include "http/exchange.h"

extern const struct fs_route fs_main_routes[];
extern const size_t fs_main_route_count;
#define FS_MAIN_HEALTH_ROUTES 2u /* the last of them: without http.health they are not there */
extern const struct fs_route fs_admin_routes[];
extern const size_t fs_admin_route_count;

/* Each answers one route's requests, now or later.  [loop] */
void fs_serve_login(struct fs_exchange *exchange);
void fs_serve_inventory(struct fs_exchange *exchange);
void fs_serve_purchase(struct fs_exchange *exchange);
void fs_serve_order(struct fs_exchange *exchange);
void fs_serve_cancel(struct fs_exchange *exchange);
void fs_serve_livez(struct fs_exchange *exchange);
void fs_serve_readyz(struct fs_exchange *exchange);
void fs_serve_main_readyz(struct fs_exchange *exchange); /* never verbose: the public reads it */
void fs_serve_metrics(struct fs_exchange *exchange);
void fs_serve_products(struct fs_exchange *exchange);
void fs_serve_product(struct fs_exchange *exchange);
void fs_serve_product_put(struct fs_exchange *exchange);
void fs_serve_product_patch(struct fs_exchange *exchange);
void fs_serve_product_delete(struct fs_exchange *exchange);
void fs_serve_audit(struct fs_exchange *exchange);
void fs_serve_document(struct fs_exchange *exchange);
void fs_serve_shop_page(struct fs_exchange *exchange);
void fs_serve_admin_page(struct fs_exchange *exchange);

/* The token of "Authorization: Bearer <token>"; no data when the header is missing or of another
 * form.  [loop] */
struct fs_text fs_bearer_token(struct fs_text authorization);

enum fs_admission {
    FS_ADMITTED = 1,
    FS_REFUSED,       /* answered 400, 401, 403 or 503 */
    FS_WAITS_FOR_KEYS /* exchange->serve() runs again once the identity provider's keys were read */
};

/* Who asks: verifies the bearer token and sets exchange->buyer, valid until the loop turns.  A service
 * that has scope asks for the buyer that X-Buyer names.  [loop] */
enum fs_admission fs_authenticate(struct fs_exchange *exchange, enum fs_scope scope);

/* Whether the admin token is there, or that of a service with scope admin.
 * Returns false after it has answered 401 or 403.  [loop] */
bool fs_authenticate_admin(struct fs_exchange *exchange);

/* Takes a token of the client's address, and of exchange->buyer once it is set.  False after it has
 * answered 429.  [loop] */
bool fs_take_address_rate(struct fs_exchange *exchange);
bool fs_take_buyer_rate(struct fs_exchange *exchange);

/* No header at all, or 1 to FS_KEY_LEN_MAX visible ASCII bytes.  [any] */
bool fs_idempotency_key_is_valid(struct fs_text key);

#define FS_KEY_DETAIL FS_TEXT("Idempotency-Key must be 1 to 255 visible ASCII characters.")

/* For readers of op rows: keeps each sale in the request's pool.  [loop] */
void fs_keep_sale(struct fs_op *op, void *exchange, const struct fs_sale_info *sale);
void fs_keep_shard(struct fs_op *op, void *exchange, uint32_t shard, int64_t units_left);
void fs_keep_trouble(struct fs_op *op, void *exchange, const struct fs_sale_trouble *trouble);

#endif
