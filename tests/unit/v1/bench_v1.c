/* What a purchase costs inside v1: bench_v1 [purchases] [in flight] [loops] [work ns] [option ...]
 *
 * Each loop keeps so many purchases in flight, and burns the work for each, as a server would for
 * its HTTP side.  Not a test: it prints figures.  "CPU" is the whole process's, less the work. */
#include "tiny_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define LOOPS_MAX 8u

struct bench_loop {
    struct fs_loop loop;
    pthread_t thread;
    struct fs_op *ops; /* owned: in_flight */
    uint64_t purchases, begun, done;
    uint64_t in_flight, work_rounds, number;
    uint64_t inside_ns;
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void spin(uint64_t rounds)
{
    for (volatile uint64_t i = 0; i < rounds; i++)
        continue;
}

/* How many rounds take so long on an undisturbed processor. */
static uint64_t rounds_of(uint64_t ns)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 20; i++) {
        uint64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);

        spin(1000000);
        began = now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
        if (began < best)
            best = began;
    }
    return ns * 1000000 / best;
}

static void begin(struct bench_loop *bench, struct fs_op *op)
{
    char order[32], buyer[32];
    struct fs_purchase purchase = {.product = fs_tiny_text("1"), .units = 1};
    uint64_t began;

    purchase.order = (struct fs_text){order, (size_t)snprintf(order, sizeof(order),
                                                              "abcdefghijk%" PRIu64 "x%014" PRIu64,
                                                              bench->number, bench->begun)};
    purchase.buyer = (struct fs_text){
        buyer, (size_t)snprintf(buyer, sizeof(buyer), "user_%" PRIu64, bench->begun % 10000)};
    fs_tiny_op_init(op, &bench->loop);
    bench->begun++;
    spin(bench->work_rounds);
    began = now_ns(CLOCK_MONOTONIC);
    fs_v1_purchase(bench->loop.worker, op, op->state, &purchase);
    bench->inside_ns += now_ns(CLOCK_MONOTONIC) - began;
}

static void *bench_main(void *data)
{
    struct bench_loop *bench = data;

    for (uint64_t i = 0; i < bench->in_flight; i++)
        begin(bench, &bench->ops[i]);
    fs_tiny_turn(&bench->loop, false);
    while (bench->done < bench->purchases) {
        uint64_t found = 0;

        for (uint64_t i = 0; i < bench->in_flight; i++) {
            struct fs_op *op = &bench->ops[i];

            if (!op->loop || !op->is_done)
                continue;
            if (op->outcome.verdict != FS_DONE)
                abort();
            found++;
            if (bench->begun < bench->purchases)
                begin(bench, op);
            else
                op->loop = NULL;
        }
        bench->done += found;
        if (bench->done < bench->purchases)
            fs_tiny_turn(&bench->loop, found == 0);
    }
    return NULL;
}

static uint64_t argument(int argc, char **argv, int at, uint64_t usual)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : usual;
}

static void print_restart(struct fs_tiny_host *host, const char *dir, const char *options)
{
    uint64_t began = now_ns(CLOCK_MONOTONIC);
    struct fs_v1 *v1;

    if (fs_tiny_open(host, dir, options, NULL, &v1) != 0)
        abort();
    printf("restart: %" PRIu64 " ms for %" PRIu32 " orders\n",
           (now_ns(CLOCK_MONOTONIC) - began) / 1000000, v1->ledger.order_count);
    fs_v1_close(v1);
}

static void print_audit(struct fs_op *op)
{
    uint64_t began = now_ns(CLOCK_MONOTONIC);

    fs_tiny_audit(op, "1");
    printf("audit: %" PRIu64 " us\n", (now_ns(CLOCK_MONOTONIC) - began) / 1000);
}

/* Starts the loops' threads and waits for their end. */
static void run(struct bench_loop *benches, uint64_t loops)
{
    for (uint64_t i = 0; i < loops; i++)
        if (pthread_create(&benches[i].thread, NULL, bench_main, &benches[i]) != 0)
            abort();
    for (uint64_t i = 0; i < loops; i++)
        pthread_join(benches[i].thread, NULL);
}

int main(int argc, char **argv)
{
    static struct bench_loop benches[LOOPS_MAX];
    uint64_t purchases = argument(argc, argv, 1, 200000);
    uint64_t in_flight = argument(argc, argv, 2, 64);
    uint64_t loops = argument(argc, argv, 3, 1);
    uint64_t work_ns = argument(argc, argv, 4, 0);
    const char *options = argc > 5 ? argv[5] : "";
    uint64_t wall, cpu, inside = 0, posts = 0, contended = 0, acquired = 0, batches, records;
    struct fs_tiny_host host;
    struct fs_v1 *v1;
    struct fs_op op;
    char dir[128];

    fs_tiny_host_init(&host);
    fs_tiny_dir_create(dir);
    if (loops == 0 || loops > LOOPS_MAX || fs_tiny_open(&host, dir, options, NULL, &v1) != 0)
        return 2;
    for (uint64_t i = 0; i < loops; i++) {
        benches[i].purchases = purchases / loops;
        benches[i].in_flight = in_flight / loops;
        benches[i].work_rounds = rounds_of(work_ns);
        benches[i].number = i;
        benches[i].ops = calloc(benches[i].in_flight, sizeof(*benches[i].ops));
        fs_tiny_loop_init(&benches[i].loop, &host, v1);
    }
    fs_tiny_op_init(&op, &benches[0].loop);
    fs_tiny_create(&op, "1", 1000000000);
    batches = v1->journal.batches;
    records = fs_v1_journal_durable(&v1->journal);
    wall = now_ns(CLOCK_MONOTONIC);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    run(benches, loops);
    wall = now_ns(CLOCK_MONOTONIC) - wall;
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    print_audit(&op);
    for (uint64_t i = 0; i < loops; i++) {
        inside += benches[i].inside_ns;
        posts += benches[i].loop.posts;
        contended += benches[i].loop.contended;
        acquired += benches[i].loop.acquired;
        fs_tiny_loop_dispose(&benches[i].loop);
        free(benches[i].ops);
    }
    batches = v1->journal.batches - batches;
    records = fs_v1_journal_durable(&v1->journal) - records;
    printf("%" PRIu64 " purchases, %" PRIu64 " in flight, %" PRIu64 " loops, work %" PRIu64
           " ns: %.0f a second, inside purchase() %" PRIu64 " ns, CPU less work %" PRId64
           " ns, mutex contended %.3f %%\n",
           purchases, in_flight, loops, work_ns, (double)purchases * 1e9 / (double)wall,
           inside / purchases, (int64_t)(cpu / purchases) - (int64_t)work_ns,
           100.0 * (double)contended / (double)acquired);
    if (batches > 0)
        printf("%" PRIu64 " records in %" PRIu64 " batches: %.1f a batch, %.2f posts a batch, "
               "%.0f us a batch\n",
               records, batches, (double)records / (double)batches, (double)posts / (double)batches,
               (double)wall / 1e3 / (double)batches);
    fs_v1_close(v1);
    print_restart(&host, dir, options);
    fs_tiny_dir_destroy(dir);
    fs_tiny_host_dispose(&host);
    return 0;
}
