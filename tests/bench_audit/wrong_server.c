/* The server with one thing wrong that no strategy can get wrong, chosen by the variable FS_WRONG.  The
 * linker puts these functions before the right ones (--wrap).
 *
 *     metrics   one purchase in 16 is counted as another outcome than it is answered with
 *     order     an order that is answered again is answered with another id
 *     key       the order's name is made of chance where the client gave a key */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/answer.h"
#include "purchase/purchase.h"

#define SEEN_MAX 65536u

enum fs_purchase_result __real_fs_purchase_result_of(const struct fs_outcome *outcome);
enum fs_purchase_result __wrap_fs_purchase_result_of(const struct fs_outcome *outcome);
void __real_fs_answer_add_purchase(struct fs_buffer *buffer, const struct fs_order_id *order,
                                   struct fs_text product, uint32_t quantity, int64_t remaining);
void __wrap_fs_answer_add_purchase(struct fs_buffer *buffer, const struct fs_order_id *order,
                                   struct fs_text product, uint32_t quantity, int64_t remaining);
int __real_fs_order_name(struct fs_order_namer *namer, struct fs_text buyer, struct fs_text key,
                         struct fs_text product, struct fs_order_id *id);
int __wrap_fs_order_name(struct fs_order_namer *namer, struct fs_text buyer, struct fs_text key,
                         struct fs_text product, struct fs_order_id *id);

static bool is_wrong(const char *what)
{
    const char *wrong = getenv("FS_WRONG");

    return wrong && strcmp(wrong, what) == 0;
}

enum fs_purchase_result __wrap_fs_purchase_result_of(const struct fs_outcome *outcome)
{
    if (is_wrong("metrics") && outcome->verdict == FS_DONE && outcome->sequence % 16 == 0)
        return FS_RESULT_LIMIT;
    return __real_fs_purchase_result_of(outcome);
}

/* Whether the order was answered before. */
static bool is_seen(const struct fs_order_id *order)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct fs_order_id seen[SEEN_MAX];
    static size_t count;
    bool found = false;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count && !found; i++)
        found = memcmp(seen[i].text, order->text, sizeof(order->text)) == 0;
    if (!found && count < SEEN_MAX)
        seen[count++] = *order;
    pthread_mutex_unlock(&mutex);
    return found;
}

void __wrap_fs_answer_add_purchase(struct fs_buffer *buffer, const struct fs_order_id *order,
                                   struct fs_text product, uint32_t quantity, int64_t remaining)
{
    struct fs_order_id answered = *order;

    if (is_wrong("order") && is_seen(order))
        answered.text[0] = order->text[0] == 'a' ? 'b' : 'a';
    __real_fs_answer_add_purchase(buffer, &answered, product, quantity, remaining);
}

int __wrap_fs_order_name(struct fs_order_namer *namer, struct fs_text buyer, struct fs_text key,
                         struct fs_text product, struct fs_order_id *id)
{
    return __real_fs_order_name(namer, buyer, is_wrong("key") ? FS_TEXT("") : key, product, id);
}
