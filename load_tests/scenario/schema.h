/* The keys of a scenario's file: one table says what each is, where it goes and what it may be. */
#ifndef FS_BENCH_SCENARIO_SCHEMA_H
#define FS_BENCH_SCENARIO_SCHEMA_H

#include "base/text.h"
#include "scenario/scenario.h"

enum fs_schema_kind {
    FS_SCHEMA_TEXT = 1, /* char[]; max: bytes with the NUL */
    FS_SCHEMA_COUNT,    /* uint32_t */
    FS_SCHEMA_WEIGHT,   /* uint32_t, of a mix */
    FS_SCHEMA_UNITS,    /* int64_t */
    FS_SCHEMA_DURATION, /* uint64_t, microseconds; min and max too */
    FS_SCHEMA_SHARE,    /* double, "30%" or 0.3 */
    FS_SCHEMA_NUMBER,   /* double */
    FS_SCHEMA_BOOL,
    FS_SCHEMA_EXECUTOR,
    FS_SCHEMA_MAP,   /* a section with keys of its own */
    FS_SCHEMA_RANGE, /* as MAP of min and max, or one value for both */
    FS_SCHEMA_STAGES,
    FS_SCHEMA_PRODUCTS,
    FS_SCHEMA_THRESHOLDS,
    FS_SCHEMA_PROFILES,
};

struct fs_schema_key {
    const char *name;
    enum fs_schema_kind kind;
    size_t offset; /* in struct fs_scenario or struct fs_stage */
    double min, max;
    const struct fs_schema_key *keys; /* of MAP and RANGE */
    size_t key_count;
};

/* Keys of the file's top, and of a profile but for those of FS_SCHEMA_PROFILES and the name. */
const struct fs_schema_key *fs_schema_keys(size_t *count);

/* Keys of an item of stages. */
const struct fs_schema_key *fs_schema_stage_keys(size_t *count);

/* Keys that only a profile has: time_scale and user_scale. */
struct fs_schema_scales {
    double time;
    double users;
};
const struct fs_schema_key *fs_schema_scale_keys(size_t *count);

/* The column names that thresholds may speak of. */
const char *const *fs_schema_metrics(size_t *count);

/* Puts one value, checked, into record at the key's offset.  Returns 0, or -EINVAL with what is wrong
 * in problem: "0 is below 1". */
#define FS_SCHEMA_PROBLEM_SIZE 160
int fs_schema_put(const struct fs_schema_key *key, void *record, struct fs_text text,
                  char problem[FS_SCHEMA_PROBLEM_SIZE]);

/* "< 250" or "report < 0.3".  Returns as above. */
int fs_schema_put_threshold(struct fs_threshold *threshold, struct fs_text metric,
                            struct fs_text text, char problem[FS_SCHEMA_PROBLEM_SIZE]);

#endif
