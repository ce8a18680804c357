/* The smallest host that v1 needs: loops that are driven by hand, ops that remember their answer.
 * One thread for each loop. */
#ifndef FS_TESTS_V1_TINY_HOST_H
#define FS_TESTS_V1_TINY_HOST_H

#include <pthread.h>

#include "v1.h"

#define FS_TINY_SALES_MAX 16
#define FS_TINY_TERMS_MAX 32

struct fs_tiny_host {
    struct fs_host host; /* first, so that log() finds the rest */
    pthread_mutex_t mutex;
    char errors[4096]; /* all lines of FS_LOG_WARNING and above */
    uint64_t error_lines;
    bool is_loud; /* lines go to standard error too */
    struct fs_v1_files quick;
};

struct fs_loop {
    struct fs_tiny_host *host;
    void *worker;
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    struct fs_call *letters[4]; /* guarded by mutex */
    unsigned letter_count;      /* guarded by mutex */
    uint64_t posts;             /* guarded by mutex: all that ever came */
    uint64_t acquired, contended;
    uint64_t completed;
};

struct fs_op {
    _Alignas(max_align_t) unsigned char state[sizeof(struct fs_v1_pending)];
    struct fs_loop *loop;
    bool is_done;
    struct fs_outcome outcome;
    bool has_order;
    struct fs_order_info order; /* texts as long as the strategy is open */
    unsigned sale_count;
    struct fs_sale_info sales[FS_TINY_SALES_MAX];
    unsigned term_count;
    struct {
        char name[32];
        int64_t value;
    } terms[FS_TINY_TERMS_MAX];
    void (*on_done)(struct fs_op *op); /* NULL: nothing */
    void *data;
};

void fs_tiny_host_init(struct fs_tiny_host *host);
void fs_tiny_host_dispose(struct fs_tiny_host *host);

/* Opens v1 with options "name=value ..." in data_dir.  Returns what fs_v1_open() says. */
int fs_tiny_open(struct fs_tiny_host *host, const char *data_dir, const char *options,
                 const struct fs_v1_setup *setup, struct fs_v1 **v1);

/* The same on files whose syncs do nothing: where a test opens a thousand times. */
int fs_tiny_open_quick(struct fs_tiny_host *host, const char *data_dir, const char *options,
                       struct fs_v1 **v1);

void fs_tiny_loop_init(struct fs_loop *loop, struct fs_tiny_host *host, struct fs_v1 *v1);
void fs_tiny_loop_dispose(struct fs_loop *loop); /* detaches */

void fs_tiny_op_init(struct fs_op *op, struct fs_loop *loop);

/* One turn: letters, then turn_end().  Waits for a letter, at most 10 s, where must_wait. */
void fs_tiny_turn(struct fs_loop *loop, bool must_wait);

/* Each brings op, drives the loop until it is done, and returns its verdict. */
enum fs_verdict fs_tiny_buy(struct fs_op *op, const char *product, const char *buyer,
                            const char *order, uint32_t units);
enum fs_verdict fs_tiny_cancel(struct fs_op *op, const char *product, const char *buyer,
                               const char *order);
enum fs_verdict fs_tiny_lookup(struct fs_op *op, const char *product, const char *buyer,
                               const char *order);
enum fs_verdict fs_tiny_count(struct fs_op *op, const char *product);
enum fs_verdict fs_tiny_audit(struct fs_op *op, const char *product);
enum fs_verdict fs_tiny_change(struct fs_op *op, const struct fs_sale_change *change);

/* A change that asks for nothing: all fields at "unchanged". */
struct fs_sale_change fs_tiny_nothing(enum fs_change_kind kind, const char *product);
enum fs_verdict fs_tiny_create(struct fs_op *op, const char *product, int64_t units);

/* The value of an audit's term; INT64_MIN: there is none.  And whether every difference is 0. */
int64_t fs_tiny_term(const struct fs_op *op, const char *name);
bool fs_tiny_is_sound(const struct fs_op *op);

struct fs_text fs_tiny_text(const char *text);

/* Everything the ledger holds, as text in the order of slots; malloc'd, given. */
char *fs_tiny_dump(const struct fs_v1_ledger *ledger);

/* A new folder under TMPDIR, and its removal with all in it. */
void fs_tiny_dir_create(char path[static 128]);
void fs_tiny_dir_destroy(const char *path);
void fs_tiny_dir_clear(const char *path);                /* what is in it goes */
void fs_tiny_dir_copy(const char *from, const char *to); /* <from>/v1 to <to>/v1 */

/* From FS_SEED, else by the clock; printed. */
uint64_t fs_tiny_seed(void);
uint64_t fs_tiny_random(uint64_t *state); /* splitmix64 */

#endif
