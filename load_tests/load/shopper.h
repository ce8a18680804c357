/* A user of the shop: who it is, what it does next, and its requests as bytes. */
#ifndef FS_BENCH_SHOPPER_H
#define FS_BENCH_SHOPPER_H

#include "base/text.h"
#include "load/answer.h"
#include "load/random.h"
#include "scenario/scenario.h"

#define FS_SHOPPER_ORDERS 4           /* that it remembers, for cancel and lookup */
#define FS_SHOPPER_REQUEST_SIZE 8192u /* bytes that a request needs at most */

struct fs_shopper_order {
    char id[FS_ORDER_ID_SIZE];
    uint16_t product;
};

struct fs_shopper {
    uint32_t index; /* user_<index + 1> */
    struct fs_random random;
    uint32_t attempts; /* made so far */
    char *head;        /* owned: the headers that all its requests have; NULL: not logged in */
    uint32_t head_len;
    uint64_t renew_us; /* when its token should be renewed, as fs_clock_now_us() */
    struct fs_shopper_order orders[FS_SHOPPER_ORDERS]; /* a ring */
    uint8_t order_count, order_next;
};

/* What a user does next.  All of it is drawn each time, so that an answer never changes what the user
 * draws later. */
struct fs_choice {
    enum fs_operation_kind kind;
    uint16_t product; /* index */
    uint16_t quantity;
    bool is_doubled;
    bool is_concurrent; /* the second is sent at once */
    bool is_cut;        /* never with is_doubled */
    bool is_cut_by_reset;
    uint64_t cut_after_us; /* since sending */
    uint64_t think_us;     /* after the answer */
};

/* has_admin: restocks can be asked for; without, they are inventories. */
struct fs_choice fs_choice_draw(const struct fs_scenario *scenario, struct fs_random *random,
                                bool has_admin);

void fs_shopper_init(struct fs_shopper *shopper, uint32_t index, uint64_t seed);
void fs_shopper_dispose(struct fs_shopper *shopper);

/* Takes the token out of an answer to a log-in.  Returns 0, -EINVAL (no token in it) or -ENOMEM. */
int fs_shopper_log_in(struct fs_shopper *shopper, const struct fs_load_reply *reply,
                      const char *host, uint64_t now_us);

void fs_shopper_add_order(struct fs_shopper *shopper, const char *id, uint16_t product);

/* The last order, which it then forgets when take is set; NULL: it has none. */
const struct fs_shopper_order *fs_shopper_order(struct fs_shopper *shopper, bool take);

/* What names a request apart from its shopper. */
struct fs_request {
    enum fs_operation_kind kind;
    const char *product;
    uint32_t quantity;
    uint64_t run; /* of fs_load_key() */
    uint64_t attempt;
    const char *order_id;    /* of cancel and lookup */
    const char *host;        /* of log-in and restock */
    const char *password;    /* of log-in */
    const char *admin_token; /* of restock */
};

/* Writes the bytes to send. */
void fs_request_write(struct fs_buffer *buffer, const struct fs_shopper *shopper,
                      const struct fs_request *request);

#endif
