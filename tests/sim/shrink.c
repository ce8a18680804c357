/* One change at a time; what makes the run pass is taken back. */
#include "sim/shrink.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 10u /* of a run: a plan that hangs is no smaller one */

static bool fails(const struct sim_plan *plan, const struct fs_strategy *type)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        char complaint[SIM_COMPLAINT_SIZE];
        struct sim_totals totals = {0};

        alarm(SECONDS_MAX);
        if (!freopen("/dev/null", "w", stderr))
            _exit(0);
        _exit(sim_run(plan, type, sim_lua_create(), NULL, &totals, complaint) ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
           !(WIFSIGNALED(status) && WTERMSIG(status) == 14);
}

static bool keep_if_fails(struct sim_plan *plan, const struct sim_plan *smaller,
                          const struct fs_strategy *type)
{
    if (!fails(smaller, type))
        return false;
    *plan = *smaller;
    return true;
}

static bool drop_faults(struct sim_plan *plan, const struct fs_strategy *type)
{
    bool is_smaller = false;

    for (unsigned i = 0; i < SIM_FAULT_RATED; i++) {
        struct sim_plan smaller = *plan;

        if (plan->rates[i] <= 0 || plan->is_dropped[i])
            continue;
        smaller.is_dropped[i] = true;
        is_smaller |= keep_if_fails(plan, &smaller, type);
    }
    for (unsigned i = 0; i < plan->happening_count; i++) {
        struct sim_plan smaller = *plan;

        if (!(plan->happenings_kept >> i & 1u))
            continue;
        smaller.happenings_kept &= ~(1u << i);
        is_smaller |= keep_if_fails(plan, &smaller, type);
    }
    return is_smaller;
}

static bool drop_clients(struct sim_plan *plan, const struct fs_strategy *type)
{
    bool is_smaller = false;
    struct sim_plan smaller = *plan;

    for (smaller.client_count = 1; smaller.client_count < plan->client_count;
         smaller.client_count++)
        if (keep_if_fails(plan, &smaller, type)) {
            is_smaller = true;
            break;
        }
    smaller = *plan;
    for (smaller.ops_per_client = 1; smaller.ops_per_client < plan->ops_per_client;
         smaller.ops_per_client++)
        if (keep_if_fails(plan, &smaller, type)) {
            is_smaller = true;
            break;
        }
    return is_smaller;
}

void sim_shrink(struct sim_plan *plan, const struct fs_strategy *type)
{
    if (!fails(plan, type))
        return;
    for (unsigned i = 0; i < 3; i++) {
        bool is_smaller = drop_faults(plan, type);

        if (!drop_clients(plan, type) && !is_smaller)
            return;
    }
}
