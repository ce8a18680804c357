/* Looks once a second at the server, its Redis servers, the generator and the machine, and writes what
 * it sees. */
#ifndef FS_BENCH_SAMPLER_H
#define FS_BENCH_SAMPLER_H

#include "run/server.h"

/* CPU of the last second, in percent of one core; NaN: unknown. */
struct fs_cpu_now {
    double server;
    double redis; /* all nodes together */
    double generator;
};

/* What was seen in all. */
struct fs_sampled {
    double server_rss_mib_start; /* NaN: unknown, as are the others */
    double server_rss_mib_end;
    double server_rss_mib_max;
};

struct fs_sampler;

/* Starts a thread that writes resources.csv and redis.csv to folder.  server: borrowed until stop; its
 * Redis connections are the sampler's until then.  Returns 0, -ENOMEM, -EAGAIN or an errno of the
 * files. */
int fs_sampler_start(struct fs_sampler **sampler, struct fs_bench_server *server,
                     const char *folder);

/* [any] */
void fs_sampler_now(struct fs_sampler *sampler, struct fs_cpu_now *now);

/* Samples once more, ends the thread, and puts the files in place.  Returns 0 or an errno of them. */
int fs_sampler_stop(struct fs_sampler *sampler, struct fs_sampled *sampled);

#endif
