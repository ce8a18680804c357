/* The files of one repetition's folder, and its rows of timeseries.csv. */
#ifndef FS_BENCH_CELL_FILES_H
#define FS_BENCH_CELL_FILES_H

#include "load/load.h"
#include "run/figure.h"

void fs_timeseries_write_head(FILE *file);
void fs_timeseries_write(FILE *file, const struct fs_record *record,
                         const struct fs_load_result *load);

/* latency.hgrm and service.hgrm.  Returns 0 or a negative errno, as those below. */
int fs_cell_write_latencies(const char *folder, const struct fs_load_result *load);

/* result.json.  load: NULL when nothing was run. */
int fs_cell_write_result(const char *folder, const struct fs_record *record,
                         const struct fs_load_result *load, uint64_t seed);

/* redis.info.json from pages of INFO, NULL where there is none. */
int fs_cell_write_redis(const char *folder, char *const *before, char *const *after, size_t count);

#endif
