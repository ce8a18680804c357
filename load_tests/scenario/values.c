/* Reads the values of keys from YAML's events into a scenario. */
#include "scenario/values.h"

#include <errno.h>
#include <stdio.h>

#include "config/problem.h"

#define KEYS_MAX 32
#define WORDS_MAX 64

int fs_values_fail(struct fs_config_events *events, yaml_mark_t mark, const char *key,
                   const char *problem)
{
    return fs_config_fail(events->error, fs_config_events_place(events, mark), "%s: %s", key,
                          problem);
}

int fs_values_fail_unknown_word(struct fs_config_events *events, const struct fs_config_met *met,
                                const char *const *words, size_t count)
{
    struct fs_text typed = fs_text_of(met->name);
    size_t edits_min = typed.len / 3 + 2;
    const char *nearest = NULL;

    for (size_t i = 0; i < count; i++) {
        size_t edits = fs_text_distance(typed, fs_text_of(words[i]));

        if (edits < edits_min) {
            edits_min = edits;
            nearest = words[i];
        }
    }
    if (nearest)
        return fs_config_fail(events->error, fs_config_events_place(events, met->mark),
                              "unknown key '%s'; did you mean '%s'?", met->path, nearest);
    return fs_config_fail(events->error, fs_config_events_place(events, met->mark),
                          "unknown key '%s'", met->path);
}

int fs_values_fail_unknown(struct fs_config_events *events, const struct fs_config_met *met,
                           const struct fs_schema_key *keys, size_t count)
{
    const char *words[WORDS_MAX];

    for (size_t i = 0; i < count; i++)
        words[i] = keys[i].name;
    return fs_values_fail_unknown_word(events, met, words, count);
}

int fs_values_need(struct fs_config_events *events, yaml_event_type_t type, const char *path,
                   const char *form)
{
    if (events->event.type == type)
        return 0;
    return fs_config_fail(events->error, fs_config_events_place(events, events->event.start_mark),
                          "'%s' must be %s, not %s", path, form, fs_config_events_form(events));
}

/* The current event is the value. */
int fs_values_read_scalar(struct fs_config_events *events, const struct fs_schema_key *key,
                          const char *path, void *record)
{
    char problem[FS_SCHEMA_PROBLEM_SIZE];
    struct fs_text text = {NULL, 0};
    int rc = fs_config_events_scalar(events, path, &text);

    if (rc == 0 && fs_schema_put(key, record, text, problem) != 0)
        rc = fs_values_fail(events, events->event.start_mark, path, problem);
    return rc;
}

/* Keys of one kind of record, each once; the current event is the map's start. */
static int read_record(struct fs_config_events *events, const char *section,
                       const struct fs_schema_key *keys, size_t count, void *record)
{
    size_t lines[KEYS_MAX] = {0};
    struct fs_config_met met;
    size_t i;
    int rc = fs_values_need(events, YAML_MAPPING_START_EVENT, section, "a map");

    while (rc == 0 && (rc = fs_config_events_next(events)) == 0 &&
           events->event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = fs_config_events_meet(events, section, &met)) != 0)
            break;
        for (i = 0; i < count && strcmp(keys[i].name, met.name) != 0;)
            i++;
        if (i == count)
            return fs_values_fail_unknown(events, &met, keys, count);
        if (lines[i] != 0)
            return fs_values_fail(events, met.mark, met.path, "said twice");
        lines[i] = met.mark.line + 1;
        if ((rc = fs_config_events_next(events)) == 0)
            rc = fs_values_read_scalar(events, &keys[i], met.path, record);
    }
    return rc;
}

static int read_range(struct fs_config_events *events, const struct fs_schema_key *key,
                      struct fs_scenario *scenario)
{
    int rc = 0;

    if (events->event.type == YAML_MAPPING_START_EVENT)
        return read_record(events, key->name, key->keys, key->key_count, scenario);
    for (size_t i = 0; rc == 0 && i < key->key_count; i++)
        rc = fs_values_read_scalar(events, &key->keys[i], key->name, scenario);
    return rc;
}

/* A mix is what the file says of it: what it leaves out has no weight. */
static int read_map(struct fs_config_events *events, const struct fs_schema_key *key,
                    struct fs_scenario *scenario)
{
    if (strcmp(key->name, "mix") == 0)
        scenario->mix = (struct fs_mix){0};
    return read_record(events, key->name, key->keys, key->key_count, scenario);
}

static int read_stages(struct fs_config_events *events, struct fs_scenario *scenario)
{
    size_t count;
    const struct fs_schema_key *keys = fs_schema_stage_keys(&count);
    int rc = fs_values_need(events, YAML_SEQUENCE_START_EVENT, "stages", "a list");

    scenario->stage_count = 0;
    while (rc == 0 && (rc = fs_config_events_next(events)) == 0 &&
           events->event.type != YAML_SEQUENCE_END_EVENT) {
        struct fs_stage *stage = &scenario->stages[scenario->stage_count];

        if (scenario->stage_count == FS_SCENARIO_STAGES_MAX)
            return fs_values_fail(events, events->event.start_mark, "stages",
                                  "more stages than can be kept (128)");
        *stage = (struct fs_stage){.ramp_us = 0};
        rc = read_record(events, "stages", keys, count, stage);
        scenario->stage_count++;
        if (rc == 0 && stage->name[0] == '\0')
            snprintf(stage->name, sizeof(stage->name), "stage-%zu", scenario->stage_count);
    }
    return rc;
}

static int add_product(struct fs_config_events *events, struct fs_scenario *scenario,
                       struct fs_text text)
{
    yaml_mark_t mark = events->event.start_mark;

    if (!fs_text_is_id(text, FS_SCENARIO_NAME_SIZE - 1))
        return fs_values_fail(events, mark, "products",
                              "an id is 1 to 63 letters, digits, underscores and hyphens");
    if (scenario->product_count == FS_SCENARIO_PRODUCTS_MAX)
        return fs_values_fail(events, mark, "products", "more products than can be kept (64)");
    for (size_t i = 0; i < scenario->product_count; i++)
        if (fs_text_equals(text, fs_text_of(scenario->products[i])))
            return fs_values_fail(events, mark, "products", "the same product twice");
    memcpy(scenario->products[scenario->product_count], text.data, text.len);
    scenario->products[scenario->product_count++][text.len] = '\0';
    return 0;
}

static int read_products(struct fs_config_events *events, struct fs_scenario *scenario)
{
    struct fs_text text = {NULL, 0};
    int rc = fs_values_need(events, YAML_SEQUENCE_START_EVENT, "products", "a list of ids");

    memset(scenario->products, 0, sizeof(scenario->products));
    scenario->product_count = 0;
    while (rc == 0 && (rc = fs_config_events_next(events)) == 0 &&
           events->event.type != YAML_SEQUENCE_END_EVENT) {
        rc = fs_config_events_scalar(events, "products", &text);
        if (rc == 0)
            rc = add_product(events, scenario, text);
    }
    if (rc == 0 && scenario->product_count == 0)
        rc = fs_values_fail(events, events->event.start_mark, "products", "an empty list");
    return rc;
}

static int read_threshold(struct fs_config_events *events, const struct fs_config_met *met,
                          struct fs_scenario *scenario)
{
    char problem[FS_SCHEMA_PROBLEM_SIZE];
    struct fs_text text = {NULL, 0};
    size_t i = 0;
    int rc = fs_config_events_scalar(events, met->path, &text);

    while (i < scenario->threshold_count && strcmp(scenario->thresholds[i].metric, met->name) != 0)
        i++;
    if (rc == 0 && i == FS_SCENARIO_THRESHOLDS_MAX)
        return fs_values_fail(events, met->mark, met->path,
                              "more thresholds than can be kept (32)");
    if (rc == 0 && fs_schema_put_threshold(&scenario->thresholds[i], fs_text_of(met->name), text,
                                           problem) != 0)
        rc = fs_values_fail(events, events->event.start_mark, met->path, problem);
    if (rc == 0 && i == scenario->threshold_count)
        scenario->threshold_count++;
    return rc;
}

/* A profile's thresholds replace those of the same metric and leave the others. */
static int read_thresholds(struct fs_config_events *events, struct fs_scenario *scenario)
{
    size_t count, i;
    const char *const *metrics = fs_schema_metrics(&count);
    struct fs_config_met met;
    int rc = fs_values_need(events, YAML_MAPPING_START_EVENT, "thresholds", "a map");

    while (rc == 0 && (rc = fs_config_events_next(events)) == 0 &&
           events->event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = fs_config_events_meet(events, "thresholds", &met)) != 0)
            break;
        for (i = 0; i < count && strcmp(metrics[i], met.name) != 0;)
            i++;
        if (i == count)
            return fs_values_fail_unknown_word(events, &met, metrics, count);
        if ((rc = fs_config_events_next(events)) == 0)
            rc = read_threshold(events, &met, scenario);
    }
    return rc;
}

int fs_values_read(struct fs_config_events *events, const struct fs_schema_key *key,
                   struct fs_scenario *scenario)
{
    switch (key->kind) {
    case FS_SCHEMA_STAGES:
        return read_stages(events, scenario);
    case FS_SCHEMA_PRODUCTS:
        return read_products(events, scenario);
    case FS_SCHEMA_THRESHOLDS:
        return read_thresholds(events, scenario);
    case FS_SCHEMA_MAP:
        return read_map(events, key, scenario);
    case FS_SCHEMA_RANGE:
        return read_range(events, key, scenario);
    default:
        return fs_values_read_scalar(events, key, key->name, scenario);
    }
}
