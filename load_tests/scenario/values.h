/* Values of a scenario's file, each with its place when it is refused. */
#ifndef FS_BENCH_SCENARIO_VALUES_H
#define FS_BENCH_SCENARIO_VALUES_H

#include "config/events.h"
#include "scenario/schema.h"

/* These return 0, -EINVAL or -ENOMEM, and then the message is in events->error. */

int fs_values_fail(struct fs_config_events *events, yaml_mark_t mark, const char *key,
                   const char *problem);

/* An unknown key, with the one that was probably meant. */
int fs_values_fail_unknown(struct fs_config_events *events, const struct fs_config_met *met,
                           const struct fs_schema_key *keys, size_t count);
int fs_values_fail_unknown_word(struct fs_config_events *events, const struct fs_config_met *met,
                                const char *const *words, size_t count);

/* The current event must begin a map, a list. */
int fs_values_need(struct fs_config_events *events, yaml_event_type_t type, const char *path,
                   const char *form);

/* The current event is the value, a single one. */
int fs_values_read_scalar(struct fs_config_events *events, const struct fs_schema_key *key,
                          const char *path, void *record);

/* The current event begins the value of key, which is not profiles. */
int fs_values_read(struct fs_config_events *events, const struct fs_schema_key *key,
                   struct fs_scenario *scenario);

#endif
