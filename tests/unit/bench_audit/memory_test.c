/* The audit when memory ends: each allocation fails once, and it says so and loses nothing.  The linker
 * puts these allocators before the right ones (--wrap). */
#include "sim.h"

#include <errno.h>

#include "support/suite.h"

static long countdown = -1; /* allocations until one fails; negative: none does */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    return countdown >= 0 && countdown-- == 0 ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    return countdown >= 0 && countdown-- == 0 ? NULL : __real_reallocarray(memory, count, size);
}

static void each_allocation_that_fails_is_told(void)
{
    const struct fs_sim_options options = {.products = 2,
                                           .users = 10,
                                           .attempts = 600,
                                           .stock = 100,
                                           .quantity_max = 2,
                                           .per_user_max = 8,
                                           .span_us = 20000,
                                           .duration_us = 300,
                                           .unknown = 30,
                                           .doubled = 100,
                                           .cancelled = 200,
                                           .restocks = 20,
                                           .verified = 500};
    struct fs_random random = fs_random_start();
    struct fs_audit_report report;
    struct fs_audit_input input;
    struct fs_sim_run run;
    long failed = 0;
    int rc;

    FS_REQUIRE(fs_sim_run(&options, &random, &run) == 0);
    input = (struct fs_audit_input){.scenario = &run.scenario,
                                    .history = &run.history,
                                    .ledgers = run.ledgers,
                                    .metrics = &run.metrics,
                                    .resolved = run.resolved,
                                    .resolved_count = run.resolved_count};
    do {
        countdown = failed;
        rc = fs_audit_run(&input, &report);
        if (rc != 0) {
            FS_CHECK_INT(rc, -ENOMEM);
            FS_CHECK_INT(report.violations_total, 0);
            failed++;
        }
    } while (rc != 0 && failed < 10000);
    countdown = -1;
    FS_CHECK_INT(rc, 0);
    FS_CHECK(failed > 20);
    printf("%ld allocations ", failed);
    fs_sim_run_dispose(&run);
}

#define TESTS(T) T(each_allocation_that_fails_is_told)
FS_SUITE("bench/audit-memory", TESTS)
