/* The results folder: tables of all repetitions, rewritten whole after each, and what other programs
 * read of them. */
#ifndef FS_BENCH_RESULTS_H
#define FS_BENCH_RESULTS_H

#include "run/run.h"

/* Makes <parent>/<UTC>-<name>-<gitsha> with copies of the scenarios and the resolved configuration of
 * each strategy; sets run->folder.  Returns 0, -EINVAL with a sentence when a server refuses its
 * configuration, or another errno. */
int fs_results_create(struct fs_run *run, char error[FS_RUN_ERROR_SIZE]);

/* Makes summaries and checks anew from the records, and writes runs.csv, summary.csv, accuracy.csv and
 * thresholds.csv.  Returns 0 or a negative errno. */
int fs_results_update(struct fs_run *run);

/* manifest.json.  Returns 0 or a negative errno. */
int fs_results_write_manifest(const struct fs_run *run);

/* junit.xml: a case a cell, failed by a violation, a crossed threshold, or by not having run.
 * github-benchmark.json: two lists as github-action-benchmark reads them.
 * Return 0 or a negative errno. */
int fs_results_write_junit(const struct fs_run *run);
int fs_results_write_github(const struct fs_run *run);

#endif
