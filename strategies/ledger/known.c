/* What this process knows of each sale: the highest epoch that it was answered, and the last order that
 * it acknowledged in it, the witness.  A store that knows less has lost something. */
#include "ledger.h"

#include <inttypes.h>
#include <time.h>

#include "host.h"
#include "record.h"

static struct fs_ledger_epoch *find_epoch(struct fs_ledger *ledger, struct fs_text product)
{
    for (size_t i = 0; i < ledger->epoch_count; i++) {
        struct fs_ledger_epoch *entry = &ledger->epochs[i];

        if (fs_ledger_same((struct fs_text){entry->product, entry->product_len}, product))
            return entry;
    }
    return NULL;
}

/* The sale that it is, or is a shard of: those have a slash behind the sale's name, in which there is
 * none. */
static struct fs_text sale_of(const struct fs_ledger_epoch *entry)
{
    const char *end = memchr(entry->product, '/', entry->product_len);

    return (struct fs_text){entry->product,
                            end ? (size_t)(end - entry->product) : entry->product_len};
}

/* Whether it, or another part of the same sale, is frozen.  Holding the mutex. */
static bool is_sale_frozen(const struct fs_ledger *ledger, const struct fs_ledger_epoch *part)
{
    for (size_t i = 0; i < ledger->epoch_count; i++) {
        const struct fs_ledger_epoch *entry = &ledger->epochs[i];

        if (entry->is_frozen && fs_ledger_same(sale_of(entry), sale_of(part)))
            return true;
    }
    return false;
}

/* Counts the sale, and tells the host how many there are.  Holding the mutex. */
static void set_frozen(struct fs_ledger *ledger, struct fs_ledger_epoch *entry, bool is_frozen)
{
    const struct fs_host *host = ledger->host;
    bool was_frozen;

    if (entry->is_frozen == is_frozen)
        return;
    was_frozen = is_sale_frozen(ledger, entry);
    entry->is_frozen = is_frozen;
    if (!is_frozen) {
        entry->is_lost = false;
        entry->since_ms = 0;
        entry->reason_len = 0;
    }
    if (is_sale_frozen(ledger, entry) == was_frozen)
        return;
    if (!was_frozen)
        ledger->frozen_count++;
    else
        ledger->frozen_count--;
    if (FS_LEDGER_HOST_HAS(host, sales_frozen))
        host->sales_frozen(host, ledger->frozen_count);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is known first of a trouble stays.  since_ms 0: now.  Holding the mutex. */
static void set_reason(struct fs_ledger_epoch *entry, struct fs_text reason, int64_t since_ms)
{
    if (entry->reason_len > 0)
        return;
    if (reason.len > sizeof(entry->reason))
        reason.len = sizeof(entry->reason);
    entry->reason_len = (uint8_t)reason.len;
    memcpy(entry->reason, reason.data, reason.len);
    entry->since_ms = since_ms > 0 ? since_ms : now_ms();
}

uint64_t fs_ledger_note_epoch(struct fs_ledger *ledger, struct fs_text product, uint64_t epoch)
{
    struct fs_ledger_epoch *entry;

    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (!entry && epoch > 0 && ledger->epoch_count < FS_LEDGER_EPOCHS_MAX) {
        entry = &ledger->epochs[ledger->epoch_count++];
        entry->product_len = (uint8_t)product.len;
        memcpy(entry->product, product.data, product.len);
    }
    if (entry && entry->epoch < epoch) {
        entry->epoch = epoch;
        entry->witness_sequence = 0;
        entry->changed_sequence = 0;
        set_frozen(ledger, entry, false);
    }
    if (entry)
        epoch = entry->epoch;
    pthread_mutex_unlock(&ledger->mutex);
    return epoch;
}

void fs_ledger_note_change(struct fs_ledger *ledger, struct fs_text product, uint64_t epoch,
                           uint64_t sequence)
{
    struct fs_ledger_epoch *entry;

    fs_ledger_note_epoch(ledger, product, epoch);
    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (entry && entry->epoch == epoch && entry->changed_sequence < sequence)
        entry->changed_sequence = sequence;
    pthread_mutex_unlock(&ledger->mutex);
}

void fs_ledger_forget(struct fs_ledger *ledger, struct fs_text product)
{
    struct fs_ledger_epoch *entry;

    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (entry) {
        set_frozen(ledger, entry, false);
        *entry = ledger->epochs[--ledger->epoch_count];
        ledger->epochs[ledger->epoch_count] = (struct fs_ledger_epoch){0};
    }
    pthread_mutex_unlock(&ledger->mutex);
}

/* Holding the mutex. */
static void tell_lost(struct fs_ledger *ledger, struct fs_ledger_epoch *entry)
{
    const struct fs_text sale = sale_of(entry);

    if (!is_sale_frozen(ledger, entry))
        ledger->host->log(ledger->host, FS_LOG_ERROR,
                          "%s: the store has lost the sale of %.*s: reset it to sell again",
                          ledger->name, (int)sale.len, sale.data);
    set_frozen(ledger, entry, true);
    if (!entry->is_lost)
        entry->reason_len = 0;
    entry->is_lost = true;
    set_reason(entry, FS_LEDGER_TEXT("the store does not have the sale any more"), 0);
}

bool fs_ledger_is_lost(struct fs_ledger *ledger, struct fs_text product)
{
    struct fs_ledger_epoch *entry;

    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (entry)
        tell_lost(ledger, entry);
    pthread_mutex_unlock(&ledger->mutex);
    return entry != NULL;
}

void fs_ledger_note_lost(struct fs_ledger *ledger, struct fs_text product)
{
    fs_ledger_note_epoch(ledger, product, 1); /* some epoch: which is not known */
    fs_ledger_is_lost(ledger, product);
}

size_t fs_ledger_known_sales(struct fs_ledger *ledger, char *chars, struct fs_text *names,
                             size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&ledger->mutex);
    for (size_t i = 0; i < ledger->epoch_count && count < max; i++) {
        const struct fs_text sale = sale_of(&ledger->epochs[i]);

        memcpy(chars, sale.data, sale.len);
        names[count++] = (struct fs_text){chars, sale.len};
        chars += sale.len;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return count;
}

bool fs_ledger_is_sale_lost(struct fs_ledger *ledger, struct fs_text product)
{
    bool is_lost = false;

    pthread_mutex_lock(&ledger->mutex);
    for (size_t i = 0; i < ledger->epoch_count; i++) {
        struct fs_ledger_epoch *entry = &ledger->epochs[i];

        if (!fs_ledger_same(sale_of(entry), product))
            continue;
        is_lost = true;
        tell_lost(ledger, entry);
    }
    pthread_mutex_unlock(&ledger->mutex);
    return is_lost;
}

static bool has_witness(const struct fs_ledger_epoch *entry)
{
    return entry->witness_sequence > 0 || entry->changed_sequence > 0;
}

bool fs_ledger_get_witness(struct fs_ledger *ledger, struct fs_text product,
                           struct fs_ledger_epoch *known)
{
    const struct fs_ledger_epoch *entry;
    bool is_found;

    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    is_found = entry && has_witness(entry);
    if (is_found)
        *known = *entry;
    pthread_mutex_unlock(&ledger->mutex);
    return is_found;
}

bool fs_ledger_next_witness(struct fs_ledger *ledger, struct fs_ledger_epoch *known)
{
    bool is_found = false;

    pthread_mutex_lock(&ledger->mutex);
    for (size_t i = 0; i < ledger->epoch_count && !is_found; i++) {
        const struct fs_ledger_epoch *entry;

        ledger->witness_next = (ledger->witness_next + 1) % ledger->epoch_count;
        entry = &ledger->epochs[ledger->witness_next];
        is_found = has_witness(entry);
        if (is_found)
            *known = *entry;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return is_found;
}

size_t fs_ledger_next_known(struct fs_ledger *ledger, size_t *next, struct fs_ledger_epoch *known)
{
    size_t count;

    pthread_mutex_lock(&ledger->mutex);
    count = ledger->epoch_count;
    if (count > 0) {
        *known = ledger->epochs[*next % count];
        *next = (*next + 1) % count;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return count;
}

void fs_ledger_tell_behind(struct fs_ledger *ledger, struct fs_text product)
{
    struct fs_ledger_epoch *entry;

    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (entry && !entry->is_frozen) {
        ledger->host->log(
            ledger->host, FS_LOG_ERROR,
            "%s: the sale of %.*s is frozen: the store has lost what was acknowledged; the last "
            "order acknowledged here is '%.*s', sequence %" PRIu64 " of epoch %" PRIu64
            "; audit it, then reset it to sell again",
            ledger->name, (int)product.len, product.data, (int)entry->witness_len, entry->witness,
            entry->witness_sequence, entry->epoch);
        set_frozen(ledger, entry, true);
        set_reason(entry,
                   FS_LEDGER_TEXT("the store has lost orders or changes that were acknowledged"),
                   0);
    }
    pthread_mutex_unlock(&ledger->mutex);
}

void fs_ledger_note_frozen(struct fs_ledger *ledger, struct fs_text product, bool is_frozen)
{
    struct fs_ledger_epoch *entry;

    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (entry)
        set_frozen(ledger, entry, is_frozen);
    pthread_mutex_unlock(&ledger->mutex);
}

void fs_ledger_note_sale(struct fs_ledger *ledger, struct fs_text product,
                         const struct fs_ledger_sale *sale)
{
    struct fs_ledger_epoch *entry;

    if (!sale->is_frozen)
        return;
    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product);
    if (entry) {
        set_frozen(ledger, entry, true);
        set_reason(entry, (struct fs_text){sale->reason, sale->reason_len}, sale->frozen_at_ms);
        if (!entry->is_lost && sale->frozen_at_ms > 0)
            entry->since_ms = sale->frozen_at_ms; /* found before this process saw it */
    }
    pthread_mutex_unlock(&ledger->mutex);
}

bool fs_ledger_get_trouble(struct fs_ledger *ledger, struct fs_text product,
                           struct fs_sale_trouble *trouble, char reason[FS_LEDGER_REASON_LEN_MAX])
{
    const struct fs_ledger_epoch *found = NULL;

    pthread_mutex_lock(&ledger->mutex);
    for (size_t i = 0; i < ledger->epoch_count; i++) {
        const struct fs_ledger_epoch *entry = &ledger->epochs[i];

        if (entry->is_frozen && fs_ledger_same(sale_of(entry), product) &&
            (!found || (entry->is_lost && !found->is_lost)))
            found = entry;
    }
    if (found) {
        memcpy(reason, found->reason, found->reason_len);
        *trouble = (struct fs_sale_trouble){
            .state = found->is_lost ? FS_SALE_LOST : FS_SALE_FROZEN,
            .reason = {reason, found->reason_len},
            .since_ms = found->since_ms,
        };
        if (found->reason_len == 0)
            trouble->reason =
                FS_LEDGER_TEXT("a script on it failed, or the store has lost a part of it");
    }
    pthread_mutex_unlock(&ledger->mutex);
    return found != NULL;
}

void fs_ledger_tell_trouble(struct fs_ledger *ledger, struct fs_op *op, struct fs_text product)
{
    char reason[FS_LEDGER_REASON_LEN_MAX];
    struct fs_sale_trouble trouble;

    if (FS_LEDGER_HOST_HAS(ledger->host, tell_trouble) &&
        fs_ledger_get_trouble(ledger, product, &trouble, reason))
        ledger->host->tell_trouble(op, &trouble);
}

void fs_ledger_share_seen(struct fs_ledger_product *product)
{
    struct fs_ledger *ledger = product->worker->ledger;
    struct fs_ledger_epoch *entry;

    if (product->seen_epoch > 0)
        fs_ledger_note_epoch(ledger, product->name, product->seen_epoch);
    pthread_mutex_lock(&ledger->mutex);
    entry = find_epoch(ledger, product->name);
    if (entry && entry->epoch > product->seen_epoch) {
        product->seen_epoch = entry->epoch;
        product->witness_sequence = 0;
        product->changed_sequence = 0;
        product->sequence_seen = 0;
    }
    if (entry && entry->epoch == product->seen_epoch)
        product->changed_sequence = entry->changed_sequence;
    if (entry && entry->witness_sequence > product->witness_sequence) {
        product->witness_sequence = entry->witness_sequence;
        product->witness_len = entry->witness_len;
        memcpy(product->witness, entry->witness, entry->witness_len);
    } else if (entry && product->witness_sequence > entry->witness_sequence) {
        entry->witness_sequence = product->witness_sequence;
        entry->witness_len = product->witness_len;
        memcpy(entry->witness, product->witness, product->witness_len);
    }
    pthread_mutex_unlock(&ledger->mutex);
}
