/* Bounds guessing in fixed memory; see the header for why nothing is evicted. */
#include "auth/limiter.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/sha.h>

#include "base/limits.h"

#define COLUMNS 8192u /* a power of two */
#define SLICE_US (UINT64_C(300) * 1000000)
#define SLICES 13u
#define KNOWN_MAX 65536u /* a power of two */
#define SEED_LEN 32
#define TEXT_LEN_MAX (FS_USERNAME_LEN_MAX > 64 ? FS_USERNAME_LEN_MAX : 64)

struct cell {
    uint64_t slice;          /* the newest that is counted */
    uint32_t counts[SLICES]; /* by slice modulo SLICES */
    uint32_t pending;        /* claims that are not settled */
};

/* An account and an address from which it was logged in to. */
struct known {
    uint64_t pair; /* 0: none */
    uint64_t until_us;
};

struct fs_limiter {
    unsigned char seed[SEED_LEN]; /* constant */
    pthread_mutex_t mutex;        /* guards the rest */
    uint32_t account_max;
    uint32_t address_max;
    uint64_t slice; /* the newest seen */
    /* Pages are touched only as names come. */
    struct cell *accounts;  /* owned: rows of COLUMNS */
    struct cell *addresses; /* owned: rows of COLUMNS */
    struct known *known;    /* owned: KNOWN_MAX; a newer one takes the place of an older */
};

int fs_limiter_create(unsigned account_max, unsigned address_max, struct fs_limiter **limiter)
{
    struct fs_limiter *made = calloc(1, sizeof(*made));

    assert(account_max > 0 && address_max > 0);
    if (!made)
        return -ENOMEM;
    if (getrandom(made->seed, SEED_LEN, 0) != SEED_LEN) {
        free(made);
        return -EIO;
    }
    made->account_max = account_max;
    made->address_max = address_max;
    made->accounts = calloc((size_t)FS_LIMITER_ROWS * COLUMNS, sizeof(struct cell));
    made->addresses = calloc((size_t)FS_LIMITER_ROWS * COLUMNS, sizeof(struct cell));
    made->known = calloc(KNOWN_MAX, sizeof(struct known));
    if (!made->accounts || !made->addresses || !made->known ||
        pthread_mutex_init(&made->mutex, NULL) != 0) {
        free(made->accounts);
        free(made->addresses);
        free(made->known);
        free(made);
        return -ENOMEM;
    }
    *limiter = made;
    return 0;
}

void fs_limiter_destroy(struct fs_limiter *limiter)
{
    if (!limiter)
        return;
    pthread_mutex_destroy(&limiter->mutex);
    free(limiter->accounts);
    free(limiter->addresses);
    free(limiter->known);
    free(limiter);
}

void fs_limiter_set_max(struct fs_limiter *limiter, unsigned account_max, unsigned address_max)
{
    assert(account_max > 0 && address_max > 0);
    pthread_mutex_lock(&limiter->mutex);
    limiter->account_max = account_max;
    limiter->address_max = address_max;
    pthread_mutex_unlock(&limiter->mutex);
}

/* Names */

/* Which cells a text owns.  One digest gives all rows; without the seed nobody can find two texts
 * that share them. */
static void find_cells(const struct fs_limiter *limiter, const void *data, size_t len,
                       uint32_t cells[FS_LIMITER_ROWS])
{
    unsigned char input[SEED_LEN + TEXT_LEN_MAX];
    unsigned char digest[SHA256_DIGEST_LENGTH];

    len = len < TEXT_LEN_MAX ? len : TEXT_LEN_MAX;
    memcpy(input, limiter->seed, SEED_LEN);
    memcpy(input + SEED_LEN, data, len);
    SHA256(input, SEED_LEN + len, digest);
    for (uint32_t row = 0; row < FS_LIMITER_ROWS; row++) {
        uint32_t column;

        memcpy(&column, digest + sizeof(column) * row, sizeof(column));
        cells[row] = row * COLUMNS + column % COLUMNS;
    }
}

static void find_address_cells(const struct fs_limiter *limiter, struct fs_text address,
                               uint32_t cells[FS_LIMITER_ROWS])
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    struct in_addr v4;

    if (address.len < sizeof(text)) {
        memcpy(text, address.data, address.len);
        text[address.len] = '\0';
        if (inet_pton(AF_INET, text, &v4) == 1) {
            find_cells(limiter, &v4, sizeof(v4), cells);
            return;
        }
        if (inet_pton(AF_INET6, text, &v6) == 1) {
            if (IN6_IS_ADDR_V4MAPPED(&v6))
                find_cells(limiter, v6.s6_addr + 12, 4, cells);
            else
                find_cells(limiter, &v6, 8, cells); /* a household has a whole /64 */
            return;
        }
    }
    find_cells(limiter, address.data, address.len, cells);
}

/* A digest of the digests' columns, keyed by the seed: nobody can aim at another's. */
static uint64_t pair_of(const struct fs_limiter *limiter, const struct fs_limiter_claim *claim)
{
    unsigned char input[SEED_LEN + sizeof(claim->account_cells) + sizeof(claim->address_cells)];
    unsigned char digest[SHA256_DIGEST_LENGTH];
    uint64_t pair;

    memcpy(input, limiter->seed, SEED_LEN);
    memcpy(input + SEED_LEN, claim->account_cells, sizeof(claim->account_cells));
    memcpy(input + SEED_LEN + sizeof(claim->account_cells), claim->address_cells,
           sizeof(claim->address_cells));
    SHA256(input, sizeof(input), digest);
    memcpy(&pair, digest, sizeof(pair));
    return pair != 0 ? pair : 1;
}

static void name_attempt(const struct fs_limiter *limiter, struct fs_text account,
                         struct fs_text address, uint64_t now_us, struct fs_limiter_claim *claim)
{
    claim->slice = now_us / SLICE_US + SLICES; /* so that a cell of zeroes is an old one */
    claim->has_account = account.len > 0;
    claim->has_address = address.len > 0;
    if (claim->has_account)
        find_cells(limiter, account.data, account.len, claim->account_cells);
    if (claim->has_address)
        find_address_cells(limiter, address, claim->address_cells);
    claim->pair = claim->has_account && claim->has_address ? pair_of(limiter, claim) : 0;
}

/* [mutex held] */
static struct known *find_known(const struct fs_limiter *limiter, uint64_t pair)
{
    return &limiter->known[pair & (KNOWN_MAX - 1)];
}

static bool is_known(const struct fs_limiter *limiter, uint64_t pair, uint64_t now_us)
{
    const struct known *known = find_known(limiter, pair);

    return pair != 0 && known->pair == pair && now_us < known->until_us;
}

void fs_limiter_know(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                     uint64_t now_us)
{
    struct fs_limiter_claim claim;

    name_attempt(limiter, account, address, now_us, &claim);
    if (claim.pair == 0)
        return;
    pthread_mutex_lock(&limiter->mutex);
    *find_known(limiter, claim.pair) =
        (struct known){claim.pair, now_us + FS_LIMITER_KNOWN_S * UINT64_C(1000000)};
    pthread_mutex_unlock(&limiter->mutex);
}

void fs_limiter_forget(struct fs_limiter *limiter, struct fs_text account, struct fs_text address)
{
    struct fs_limiter_claim claim;

    name_attempt(limiter, account, address, 0, &claim);
    if (claim.pair == 0)
        return;
    pthread_mutex_lock(&limiter->mutex);
    if (find_known(limiter, claim.pair)->pair == claim.pair)
        *find_known(limiter, claim.pair) = (struct known){0};
    pthread_mutex_unlock(&limiter->mutex);
}

/* Cells */

static void roll(struct cell *cell, uint64_t slice)
{
    if (slice <= cell->slice)
        return;
    if (slice - cell->slice >= SLICES)
        memset(cell->counts, 0, sizeof(cell->counts));
    else
        for (uint64_t passed = cell->slice + 1; passed <= slice; passed++)
            cell->counts[passed % SLICES] = 0;
    cell->slice = slice;
}

/* The slices from now on after which the cell is below max; 0: it is. */
static unsigned slices_until_open(const struct cell *cell, uint32_t max)
{
    uint64_t sum = 0;
    unsigned waited = 0;

    for (unsigned i = 0; i < SLICES; i++)
        sum += cell->counts[i];
    while (sum >= max) {
        waited++;
        /* The oldest slice is the one that the next takes the place of. */
        sum -= cell->counts[(cell->slice + waited) % SLICES];
    }
    return waited;
}

/* Returns 0 when one of the rows is below the limit, else the seconds until one will be. */
static unsigned seconds_until_open(struct cell *table, const uint32_t cells[FS_LIMITER_ROWS],
                                   uint64_t slice, uint64_t now_us, uint32_t max)
{
    unsigned slices = SLICES + 1;
    bool settling = false;

    for (unsigned row = 0; row < FS_LIMITER_ROWS; row++) {
        struct cell *cell = &table[cells[row]];
        unsigned wait;

        roll(cell, slice);
        wait = slices_until_open(cell, max);
        slices = wait < slices ? wait : slices;
        /* Attempts under way may turn out right within a moment. */
        if (wait > 0 && cell->pending > 0 && slices_until_open(cell, max + cell->pending) == 0)
            settling = true;
    }
    if (slices == 0)
        return 0;
    if (settling)
        return 1;
    return (unsigned)((slices * SLICE_US - now_us % SLICE_US) / 1000000) + 1;
}

/* [mutex held] */
static int try_attempt(struct fs_limiter *limiter, struct fs_limiter_claim *claim, uint64_t now_us,
                       unsigned *retry_after_s)
{
    unsigned wait_s = 0;

    /* Threads read the clock before they get here: one may come late, with the slice before. */
    if (claim->slice < limiter->slice)
        claim->slice = limiter->slice;
    limiter->slice = claim->slice;
    if (claim->has_account && !is_known(limiter, claim->pair, now_us))
        wait_s = seconds_until_open(limiter->accounts, claim->account_cells, claim->slice, now_us,
                                    limiter->account_max);
    if (claim->has_address) {
        unsigned more_s = seconds_until_open(limiter->addresses, claim->address_cells, claim->slice,
                                             now_us, limiter->address_max);

        wait_s = more_s > wait_s ? more_s : wait_s;
    }
    if (wait_s == 0)
        return 0;
    *retry_after_s = wait_s;
    return -EBUSY;
}

static void count(struct cell *table, const uint32_t cells[FS_LIMITER_ROWS], uint64_t slice)
{
    for (unsigned row = 0; row < FS_LIMITER_ROWS; row++) {
        struct cell *cell = &table[cells[row]];

        cell->counts[slice % SLICES]++;
        cell->pending++;
    }
}

static void settle(struct cell *table, const uint32_t cells[FS_LIMITER_ROWS], uint64_t slice,
                   bool failed)
{
    for (unsigned row = 0; row < FS_LIMITER_ROWS; row++) {
        struct cell *cell = &table[cells[row]];

        assert(cell->pending > 0);
        cell->pending--;
        if (!failed && cell->slice - slice < SLICES && cell->counts[slice % SLICES] > 0)
            cell->counts[slice % SLICES]--;
    }
}

int fs_limiter_check(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                     uint64_t now_us, unsigned *retry_after_s)
{
    struct fs_limiter_claim claim;
    int rc;

    name_attempt(limiter, account, address, now_us, &claim);
    pthread_mutex_lock(&limiter->mutex);
    rc = try_attempt(limiter, &claim, now_us, retry_after_s);
    pthread_mutex_unlock(&limiter->mutex);
    return rc;
}

int fs_limiter_claim(struct fs_limiter *limiter, struct fs_text account, struct fs_text address,
                     uint64_t now_us, struct fs_limiter_claim *claim, unsigned *retry_after_s)
{
    int rc;

    name_attempt(limiter, account, address, now_us, claim);
    pthread_mutex_lock(&limiter->mutex);
    rc = try_attempt(limiter, claim, now_us, retry_after_s);
    if (rc == 0 && claim->has_account)
        count(limiter->accounts, claim->account_cells, claim->slice);
    if (rc == 0 && claim->has_address)
        count(limiter->addresses, claim->address_cells, claim->slice);
    pthread_mutex_unlock(&limiter->mutex);
    return rc;
}

void fs_limiter_settle(struct fs_limiter *limiter, const struct fs_limiter_claim *claim,
                       bool failed)
{
    pthread_mutex_lock(&limiter->mutex);
    if (claim->has_account)
        settle(limiter->accounts, claim->account_cells, claim->slice, failed);
    if (claim->has_address)
        settle(limiter->addresses, claim->address_cells, claim->slice, failed);
    pthread_mutex_unlock(&limiter->mutex);
}
