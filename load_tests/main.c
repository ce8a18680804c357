/* The program flashsale-bench. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "cli/program.h"

/* A connection a user, and as many in the server that we start. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    return fs_bench_program(argc, argv, stdout, stderr);
}
