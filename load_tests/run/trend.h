/* What the seconds of a run say that its percentiles do not: whether it slows down, and how long after
 * a spike it is itself again. */
#ifndef FS_BENCH_TREND_H
#define FS_BENCH_TREND_H

#include "load/load.h"

/* Median response time of the last tenth over that of the first, less 1: 0.1 is 10 % slower.  NaN: fewer
 * than 20 measured seconds. */
double fs_trend_slowdown(const struct fs_scenario *scenario, const struct fs_load_result *load);

/* Seconds after the last one at the most users until three in a row have a P99 under twice that before
 * the users came (or within 5 ms of it), and no errors; a second without any answer has not recovered.
 * A run that is not back at its end: a second more than it was watched, or NaN when that was too short
 * to tell.  NaN: no spike, which is twice the users or more and fewer afterwards. */
double fs_trend_recovery_s(const struct fs_load_result *load);

#endif
