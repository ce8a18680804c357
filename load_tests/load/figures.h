/* From threads to figures. */
#ifndef FS_BENCH_FIGURES_H
#define FS_BENCH_FIGURES_H

#include "load/worker.h"

/* Adds up histograms, histories and what the generator says of itself.  -ENOMEM. */
int fs_figures_merge(struct fs_load_worker *workers, uint32_t count, struct fs_load_result *result);

/* measured_us and the rates within it. */
void fs_figures_rate(const struct fs_load_worker *workers, uint32_t count,
                     struct fs_load_result *result);

/* When the last unit was sold, where nothing brings units back. */
void fs_figures_find_sell_out(const struct fs_scenario *scenario, struct fs_load_result *result);

/* Fills result->invalid when the generator has measured itself more than the server. */
void fs_figures_judge(struct fs_load_result *result, bool is_short_of_memory, int connect_error);

#endif
