/* What is said outside of the file: command-line flags and environment variables. */
#include "config/builder.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/assign.h"
#include "config/keys.h"
#include "config/problem.h"

#define OPTIONS_PATH "strategy_options."
#define OPTIONS_VARIABLE "FLASHSALE_STRATEGY_OPTIONS_"
#define WHERE_SIZE 256

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int unknown_key_fail(const char *path, const char *where, struct fs_config_error *error)
{
    const struct fs_config_key *section = fs_config_section_find(fs_text_of(path));
    char shown[FS_CONFIG_SHOWN_SIZE], suggestion[FS_CONFIG_PATH_SIZE];

    if (section)
        return fs_config_fail(error, where, "'%s' is a section; one of its keys is '%s'", path,
                              section->path);
    fs_config_show(fs_text_of(path), shown);
    if (fs_config_suggest(fs_text_of(path), false, suggestion))
        return fs_config_fail(error, where, "unknown key '%s'; did you mean '%s'?", shown,
                              suggestion);
    return fs_config_fail(error, where, "unknown key '%s'", shown);
}

static int options_fail(const char *where, struct fs_config_error *error)
{
    return fs_config_fail(error, where,
                          "options are set one by one, as strategy_options.NAME=VALUE or "
                          "%sNAME=VALUE",
                          OPTIONS_VARIABLE);
}

/* Fills a copy and takes it over when the value is right. */
static int set_entry(const struct fs_config_key *key, struct fs_config_entry *entry,
                     const char *value, const char *where, const char *origin,
                     struct fs_config_error *error)
{
    bool is_list = key->kind == FS_CONFIG_TEXTS || key->kind == FS_CONFIG_PRODUCTS;
    struct fs_config_entry fresh = {.origin = NULL};
    char *origin_copy = strdup(origin);
    int rc = 0;

    if (!origin_copy || (is_list && value[0] && fs_config_entry_copy(entry, &fresh) != 0))
        rc = fs_config_fail_memory(error);
    if (rc == 0 && (!is_list || value[0]))
        rc = fs_config_assign(key, &fresh, fs_text_of(value), where, error);
    if (rc != 0) {
        free(origin_copy);
        fs_config_entry_dispose(&fresh);
        return rc;
    }
    free(fresh.origin);
    fresh.origin = origin_copy;
    fs_config_entry_dispose(entry);
    *entry = fresh;
    return 0;
}

int fs_config_set(struct fs_config_builder *builder, const char *path, const char *value,
                  const char *origin, struct fs_config_error *error)
{
    struct fs_config_layer *layer = &builder->layers[FS_CONFIG_FROM_FLAG];
    const struct fs_config_key *key = fs_config_key_find(fs_text_of(path));
    bool is_plain = !origin || strcmp(origin, "--set") == 0;
    char shown[FS_CONFIG_SHOWN_SIZE], name[FS_CONFIG_SHOWN_SIZE];
    char where[2 * WHERE_SIZE], from[WHERE_SIZE];

    fs_config_show(fs_text_of(path), name);
    fs_config_show_value(key, fs_text_of(value), shown);
    snprintf(from, sizeof(from), "%.60s%s%s", origin ? origin : "", origin && is_plain ? " " : "",
             is_plain ? name : "");
    fs_config_clean(from);
    snprintf(where, sizeof(where), "%s%s%s", from, is_plain ? "=" : " ", shown);
    if (has_prefix(path, OPTIONS_PATH))
        return fs_config_assign_option(layer, fs_text_of(path + strlen(OPTIONS_PATH)),
                                       fs_text_of(value), from, from, 0, error);
    /* What was meant by an unknown key may be a secret. */
    if (!key)
        return unknown_key_fail(path, from, error);
    if (key->kind == FS_CONFIG_OPTIONS)
        return options_fail(from, error);
    return set_entry(key, &layer->entries[fs_config_key_index(key)], value, where, from, error);
}

/* The variable of each key is made anew for each comparison: this runs once at start. */
static const struct fs_config_key *variable_find(const char *name)
{
    char variable[FS_CONFIG_PATH_SIZE];
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        fs_config_key_variable(&keys[i], variable);
        if (strcmp(name, variable) == 0)
            return &keys[i];
    }
    return NULL;
}

static int unknown_variable_fail(const char *name, struct fs_config_error *error)
{
    char variable[FS_CONFIG_PATH_SIZE], best[FS_CONFIG_PATH_SIZE] = "";
    char shown[FS_CONFIG_SHOWN_SIZE];
    size_t count, best_distance = 4;
    const struct fs_config_key *keys = fs_config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        fs_config_key_variable(&keys[i], variable);
        size_t distance = fs_text_distance(fs_text_of(name), fs_text_of(variable));
        if (distance >= best_distance)
            continue;
        best_distance = distance;
        memcpy(best, variable, sizeof(best));
    }
    fs_config_show(fs_text_of(name), shown);
    if (best[0])
        return fs_config_fail(error, shown, "unknown variable; did you mean '%s'?", best);
    return fs_config_fail(error, shown,
                          "unknown variable; every FLASHSALE_ name is a key in capitals");
}

static int set_variable(struct fs_config_layer *layer, const char *name,
                        const struct fs_config_key *key, const char *value,
                        struct fs_config_error *error)
{
    struct fs_config_entry *entry = &layer->entries[fs_config_key_index(key)];
    int rc;

    if (key->kind == FS_CONFIG_OPTIONS)
        return options_fail(name, error);
    /* As getenv() does: the first of two counts. */
    if (entry->origin)
        return 0;
    rc = fs_config_assign_all(key, entry, fs_text_of(value), name, error);
    if (rc == 0 && !(entry->origin = strdup(name)))
        rc = fs_config_fail_memory(error);
    return rc;
}

static int set_option_variable(struct fs_config_layer *layer, const char *name, const char *value,
                               struct fs_config_error *error)
{
    char option[FS_CONFIG_PATH_SIZE];
    int len = snprintf(option, sizeof(option), "%s", name + strlen(OPTIONS_VARIABLE));

    if (len < 0 || (size_t)len >= sizeof(option))
        return unknown_variable_fail(name, error);
    for (char *c = option; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return fs_config_assign_option(layer, fs_text_of(option), fs_text_of(value), name, name, 0,
                                   error);
}

/* The plan's names, after the others, so that those are there already and win. */
static int read_plan(struct fs_config_layer *layer, char *const *environment,
                     struct fs_config_error *error)
{
    static const char *const PLAN[][2] = {{"WORKERS", "workers"}, {"LOG_LEVEL", "log.level"}};
    int rc = 0;

    for (size_t i = 0; rc == 0 && environment[i]; i++)
        for (size_t j = 0; rc == 0 && j < sizeof(PLAN) / sizeof(PLAN[0]); j++) {
            size_t len = strlen(PLAN[j][0]);
            const char *value = environment[i] + len + 1;
            /* They are not ours alone: an empty one says nothing. */
            if (strncmp(environment[i], PLAN[j][0], len) == 0 && environment[i][len] == '=' &&
                value[0])
                rc = set_variable(layer, PLAN[j][0], fs_config_key_find(fs_text_of(PLAN[j][1])),
                                  value, error);
        }
    return rc;
}

static int read_own(struct fs_config_layer *layer, const char *setting,
                    struct fs_config_error *error)
{
    const char *equals = strchr(setting, '=');
    const struct fs_config_key *key;
    char *name;
    int rc;

    if (!has_prefix(setting, "FLASHSALE_") || !equals)
        return 0;
    name = fs_config_text_copy((struct fs_text){setting, (size_t)(equals - setting)});
    if (!name)
        return fs_config_fail_memory(error);
    key = variable_find(name);
    if (key)
        rc = set_variable(layer, name, key, equals + 1, error);
    else if (has_prefix(name, OPTIONS_VARIABLE))
        rc = set_option_variable(layer, name, equals + 1, error);
    else
        rc = unknown_variable_fail(name, error);
    free(name);
    return rc;
}

int fs_config_read_environment(struct fs_config_builder *builder, char *const *environment,
                               struct fs_config_error *error)
{
    struct fs_config_layer *layer = &builder->layers[FS_CONFIG_FROM_ENVIRONMENT];
    struct fs_config_mistakes mistakes = {.count = 0};
    struct fs_config_layer fresh;
    int rc = 0;

    if (fs_config_layer_init(&fresh) != 0)
        return fs_config_fail_memory(error);
    for (size_t i = 0; rc == 0 && environment[i]; i++) {
        rc = read_own(&fresh, environment[i], error);
        if (rc != 0)
            rc = fs_config_mistakes_add(&mistakes, rc, error);
    }
    if (rc == 0)
        rc = read_plan(&fresh, environment, error);
    rc = fs_config_mistakes_end(&mistakes, rc, error);
    if (rc != 0) {
        fs_config_layer_dispose(&fresh);
        return rc;
    }
    fs_config_layer_dispose(layer);
    *layer = fresh;
    return 0;
}
