/* Reads a scenario's file: YAML through the configuration's reader of events, so that every message
 * names its place.
 *
 * The file is read three times: for its own values, for the profile's scales, for the profile's other
 * keys.  So a profile may stand anywhere in it, and the profiles that are not asked for are checked too. */
#include "scenario/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/events.h"
#include "config/problem.h"
#include "scenario/check.h"
#include "scenario/values.h"

#define FILE_LEN_MAX 262144
#define KEYS_MAX 32

enum pass { PASS_BASE = 1, PASS_SCALES, PASS_PROFILE };

struct reader {
    struct fs_config_events events;
    enum pass pass;
    struct fs_scenario *scenario; /* borrowed: of the asked profile */
    struct fs_schema_scales scales;
    struct fs_scenario other;     /* takes what this pass only checks */
    yaml_mark_t places[KEYS_MAX]; /* of the keys that decided, for checks between keys */
    bool is_placed[KEYS_MAX];
};

/* Where the keys of a map go. */
struct scope {
    struct fs_scenario *scenario;
    struct fs_schema_scales *scales; /* NULL: not in a profile */
    bool is_decisive;                /* what is read here is used */
    int (*read_profiles)(struct reader *reader);
};

/* A key of the file's top or of a profile that is no scale; the current event is the key. */
static int read_key(struct reader *reader, const struct fs_config_met *met, struct scope scope,
                    size_t *lines)
{
    size_t count, i;
    const struct fs_schema_key *keys = fs_schema_keys(&count);
    int rc;

    for (i = 0; i < count && strcmp(keys[i].name, met->name) != 0;)
        i++;
    if (i == count)
        return fs_values_fail_unknown(&reader->events, met, keys, count);
    if (scope.scales && (keys[i].kind == FS_SCHEMA_PROFILES || strcmp(met->name, "name") == 0))
        return fs_values_fail(&reader->events, met->mark, met->path, "not in a profile");
    if (lines[i] != 0)
        return fs_values_fail(&reader->events, met->mark, met->path, "said twice");
    lines[i] = met->mark.line + 1;
    if (scope.is_decisive) {
        reader->places[i] = met->mark;
        reader->is_placed[i] = true;
    }
    rc = fs_config_events_next(&reader->events);
    if (rc != 0 || keys[i].kind != FS_SCHEMA_PROFILES)
        return rc != 0 ? rc : fs_values_read(&reader->events, &keys[i], scope.scenario);
    return scope.read_profiles(reader);
}

/* The keys of the file's top or of a profile; the current event is the map's start. */
static int read_scope(struct reader *reader, const char *section, struct scope scope)
{
    size_t count, i;
    const struct fs_schema_key *scales = fs_schema_scale_keys(&count);
    size_t lines[KEYS_MAX] = {0};
    struct fs_config_met met;
    int rc = 0;

    while (rc == 0 && (rc = fs_config_events_next(&reader->events)) == 0 &&
           reader->events.event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = fs_config_events_meet(&reader->events, section, &met)) != 0)
            break;
        for (i = 0; i < count && strcmp(scales[i].name, met.name) != 0;)
            i++;
        if (!scope.scales || i == count)
            rc = read_key(reader, &met, scope, lines);
        else if ((rc = fs_config_events_next(&reader->events)) == 0)
            rc = fs_values_read_scalar(&reader->events, &scales[i], met.path, scope.scales);
    }
    return rc;
}

static int read_profiles(struct reader *reader)
{
    static const char *const names[] = {"smoke", "ci", "full"};
    struct fs_config_met met;
    size_t i;
    int rc = fs_values_need(&reader->events, YAML_MAPPING_START_EVENT, "profiles", "a map");

    while (rc == 0 && (rc = fs_config_events_next(&reader->events)) == 0 &&
           reader->events.event.type != YAML_MAPPING_END_EVENT) {
        struct fs_schema_scales unused = {1, 1};
        struct scope scope = {&reader->other, &unused, false, NULL};

        if ((rc = fs_config_events_meet(&reader->events, "profiles", &met)) != 0)
            break;
        for (i = 0; i < 3 && strcmp(names[i], met.name) != 0;)
            i++;
        if (i == 3)
            return fs_values_fail_unknown_word(&reader->events, &met, names, 3);
        if (i + 1 == reader->scenario->profile && reader->pass == PASS_SCALES)
            scope.scales = &reader->scales;
        if (i + 1 == reader->scenario->profile && reader->pass == PASS_PROFILE)
            scope = (struct scope){reader->scenario, &unused, true, NULL};
        if ((rc = fs_config_events_next(&reader->events)) == 0)
            rc = fs_values_need(&reader->events, YAML_MAPPING_START_EVENT, met.path, "a map");
        if (rc == 0)
            rc = read_scope(reader, met.path, scope);
    }
    return rc;
}

static int read_document(struct reader *reader, struct scope scope)
{
    int rc = fs_config_events_next(&reader->events); /* the start of the stream */

    for (int i = 0; rc == 0 && i < 2; i++) /* of the document, of its map */
        rc = fs_config_events_next(&reader->events);
    if (rc == 0 && reader->events.event.type == YAML_NO_EVENT)
        rc = fs_values_fail(&reader->events, reader->events.event.start_mark, "scenario", "empty");
    if (rc == 0)
        rc = fs_values_need(&reader->events, YAML_MAPPING_START_EVENT, "scenario", "a map of keys");
    if (rc == 0)
        rc = read_scope(reader, "", scope);
    for (int i = 0; rc == 0 && i < 2; i++) /* the ends of document and stream */
        rc = fs_config_events_next(&reader->events);
    if (rc == 0 && reader->events.event.type != YAML_STREAM_END_EVENT)
        rc = fs_values_fail(&reader->events, reader->events.event.start_mark, "scenario",
                            "a second document begins here; only one is read");
    return rc;
}

static uint32_t scaled(uint32_t count, double factor)
{
    double value = round((double)count * factor);

    return count == 0 ? 0 : value < 1 ? 1 : (uint32_t)value;
}

static void scale(struct fs_scenario *scenario, const struct fs_schema_scales *scales)
{
    bool is_rate = fs_scenario_is_open_model(scenario);

    scenario->users = scaled(scenario->users, scales->users);
    scenario->connections_max = scaled(scenario->connections_max, scales->users);
    for (size_t i = 0; i < scenario->stage_count; i++) {
        struct fs_stage *stage = &scenario->stages[i];

        stage->ramp_us = (uint64_t)((double)stage->ramp_us * scales->time);
        stage->hold_us = (uint64_t)((double)stage->hold_us * scales->time);
        stage->target = is_rate ? stage->target * scales->users
                                : scaled((uint32_t)stage->target, scales->users);
    }
}

static int read_pass(struct reader *reader, enum pass pass, const char *path, struct fs_text text,
                     struct fs_config_error *error)
{
    struct scope scope = {pass == PASS_BASE ? reader->scenario : &reader->other, NULL,
                          pass == PASS_BASE, read_profiles};
    int rc;

    reader->pass = pass;
    fs_scenario_defaults(&reader->other);
    rc = fs_config_events_init(&reader->events, path, text, error);
    if (rc != 0)
        return rc;
    rc = read_document(reader, scope);
    fs_config_events_dispose(&reader->events);
    return rc;
}

/* The file's name without folder and ending: what a scenario is called that does not say. */
static void name_by_path(struct fs_scenario *scenario, const char *path)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(base, '.');

    snprintf(scenario->name, sizeof(scenario->name), "%.*s",
             dot ? (int)(dot - base) : (int)strlen(base), base);
}

static int check(struct reader *reader, const char *path, struct fs_config_error *error)
{
    const char *key = NULL;
    const char *problem = fs_scenario_check(reader->scenario, &key);
    size_t count, i;
    const struct fs_schema_key *keys = fs_schema_keys(&count);

    if (!problem)
        return 0;
    for (i = 0; i < count && strcmp(keys[i].name, key) != 0;)
        i++;
    if (i < count && reader->is_placed[i]) {
        reader->events.name = path;
        fs_config_events_place(&reader->events, reader->places[i]);
    } else {
        snprintf(reader->events.where, sizeof(reader->events.where), "%s", path);
    }
    if (reader->scenario->profile == FS_PROFILE_FULL)
        return fs_config_fail(error, reader->events.where, "%s: %s", key, problem);
    return fs_config_fail(error, reader->events.where, "%s: %s (profile %s)", key, problem,
                          fs_profile_name(reader->scenario->profile));
}

/* One each, unless the file says that fewer carry them. */
static void bound_connections(struct fs_scenario *scenario)
{
    bool is_closed = !fs_scenario_is_open_model(scenario);

    if (scenario->connections_max == 0 ||
        (is_closed && scenario->connections_max > scenario->users))
        scenario->connections_max = scenario->users;
    if (scenario->connections_max > FS_SCENARIO_CONNECTIONS_MAX)
        scenario->connections_max = FS_SCENARIO_CONNECTIONS_MAX;
}

static int read_text(struct fs_scenario *scenario, const char *path, struct fs_text text,
                     struct fs_config_error *error)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    int rc;

    if (!reader)
        return fs_config_fail_memory(error);
    reader->scenario = scenario;
    reader->scales = (struct fs_schema_scales){1, 1};
    rc = read_pass(reader, PASS_BASE, path, text, error);
    if (rc == 0)
        rc = read_pass(reader, PASS_SCALES, path, text, error);
    if (rc == 0) {
        scale(scenario, &reader->scales);
        rc = read_pass(reader, PASS_PROFILE, path, text, error);
    }
    if (rc == 0 && scenario->name[0] == '\0')
        name_by_path(scenario, path);
    if (rc == 0)
        bound_connections(scenario);
    if (rc == 0)
        rc = check(reader, path, error);
    free(reader);
    return rc;
}

/* *text: malloc'd, given. */
static int load(const char *path, struct fs_text *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    char *data;
    ssize_t len;
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &about) != 0)
        rc = -errno;
    else if (!S_ISREG(about.st_mode))
        rc = S_ISDIR(about.st_mode) ? -EISDIR : -EINVAL;
    else if (about.st_size > FILE_LEN_MAX)
        rc = -EFBIG;
    data = rc == 0 ? malloc((size_t)about.st_size + 1) : NULL;
    if (rc == 0 && !data)
        rc = -ENOMEM;
    if (rc == 0) {
        len = read(fd, data, (size_t)about.st_size);
        rc = len < 0 ? -errno : 0;
        *text = (struct fs_text){data, len < 0 ? 0 : (size_t)len};
    }
    close(fd);
    if (rc != 0)
        free(data);
    return rc;
}

int fs_scenario_read(struct fs_scenario *scenario, const char *path, enum fs_profile profile,
                     char error[FS_SCENARIO_ERROR_SIZE])
{
    struct fs_config_error problem = {""};
    struct fs_text text = {NULL, 0};
    int rc = load(path, &text);

    if (rc != 0) {
        snprintf(error, FS_SCENARIO_ERROR_SIZE, "%s: %s", path, strerror(-rc));
        return rc;
    }
    fs_scenario_defaults(scenario);
    scenario->profile = profile;
    snprintf(scenario->path, sizeof(scenario->path), "%s", path);
    rc = read_text(scenario, path, text, &problem);
    free((char *)text.data);
    if (rc != 0)
        snprintf(error, FS_SCENARIO_ERROR_SIZE, "%.*s", FS_SCENARIO_ERROR_SIZE - 1, problem.text);
    return rc;
}
