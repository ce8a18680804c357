/* Reads YAML event by event, so that each refusal can point at line and column.
 *
 * libyaml's tree would do for the values, but it forgets anchors, aliases and second keys, which are
 * refused here: a configuration that means something else than it seems is worse than none. */
#include "config/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "config/assign.h"
#include "config/events.h"
#include "config/keys.h"
#include "config/problem.h"
#include "config/value.h"

#define PRODUCT_KEYS_MAX 16

struct reader {
    struct fs_config_events events;
    struct fs_config_layer *layer;
    size_t *section_lines; /* owned: by the index of a section's first key; 0: not seen */
    struct fs_config_mistakes mistakes;
};

/* After a mistake in a key or its value: goes on behind the value.  key_count, depth: events and depth when
 * the key was the current event.  Returns 0, or rc where the file cannot be read further. */
static int recover(struct reader *reader, int rc, size_t key_count, size_t depth)
{
    struct fs_config_events *events = &reader->events;

    if (events->is_broken || fs_config_mistakes_add(&reader->mistakes, rc, events->error) != 0)
        return rc;
    rc = events->count == key_count ? fs_config_events_next(events) : 0;
    while (rc == 0 && events->depth > depth)
        rc = fs_config_events_next(events);
    return events->is_broken ? rc : 0;
}

static int unknown_fail(struct reader *reader, const struct fs_config_met *met, bool product)
{
    char suggestion[FS_CONFIG_PATH_SIZE];

    fs_config_events_place(&reader->events, met->mark);
    if (fs_config_suggest(fs_text_of(met->path), product, suggestion))
        return fs_config_fail(reader->events.error, reader->events.where,
                              "unknown key '%s'; did you mean '%s'?", met->path, suggestion);
    return fs_config_fail(reader->events.error, reader->events.where, "unknown key '%s'",
                          met->path);
}

static int duplicate_fail(struct reader *reader, const struct fs_config_met *met, size_t line)
{
    return fs_config_fail(reader->events.error, fs_config_events_place(&reader->events, met->mark),
                          "'%s' was given before, on line %zu", met->path, line);
}

/* A value of a product's key into product. */
static int read_product_field(struct reader *reader, const struct fs_config_key *key,
                              struct fs_config_product *product)
{
    struct fs_text text = {NULL, 0};
    int64_t number = 0;
    int rc = fs_config_events_scalar(&reader->events, key->path, &text);

    if (rc == 0)
        rc = fs_config_value_parse(key, text, reader->events.where, &number, reader->events.error);
    if (rc != 0)
        return rc;
    if (fs_config_kind_is_number(key->kind)) {
        fs_config_number_put(key, product, number);
        return 0;
    }
    *fs_config_text_field(key, product) = fs_config_text_copy(text);
    return *fs_config_text_field(key, product) ? 0 : fs_config_fail_memory(reader->events.error);
}

/* The keys of one product up to the end of its map; places[i]: where the i-th key's value is. */
static int read_product_keys(struct reader *reader, struct fs_config_product *product,
                             yaml_mark_t *places, size_t *lines)
{
    struct fs_config_met met;
    size_t count, i;
    const struct fs_config_key *keys = fs_config_product_keys(&count);
    int rc;

    while ((rc = fs_config_events_next(&reader->events)) == 0 &&
           reader->events.event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = fs_config_events_meet(&reader->events, "products", &met)) != 0)
            break;
        for (i = 0; i < count && strcmp(keys[i].path, met.path) != 0;)
            i++;
        if (i == count)
            return unknown_fail(reader, &met, true);
        if (lines[i] != 0)
            return duplicate_fail(reader, &met, lines[i]);
        lines[i] = met.mark.line + 1;
        if ((rc = fs_config_events_next(&reader->events)) != 0)
            break;
        places[i] = reader->events.event.start_mark;
        if ((rc = read_product_field(reader, &keys[i], product)) != 0)
            break;
    }
    return rc;
}

static int read_product(struct reader *reader, const struct fs_config_key *key,
                        struct fs_config_entry *entry)
{
    struct fs_config_product product = fs_config_product_default();
    yaml_mark_t start = reader->events.event.start_mark;
    yaml_mark_t places[PRODUCT_KEYS_MAX] = {{0, 0, 0}};
    size_t lines[PRODUCT_KEYS_MAX] = {0};
    int rc = read_product_keys(reader, &product, places, lines);

    if (rc == 0 && !product.id)
        rc = fs_config_fail(reader->events.error, fs_config_events_place(&reader->events, start),
                            "a product needs an 'id'");
    if (rc == 0 && product.closes_at_ms != 0 && product.closes_at_ms <= product.opens_at_ms)
        rc = fs_config_fail(reader->events.error, fs_config_events_place(&reader->events, start),
                            "product '%s' closes before it opens: closes_at must be after opens_at",
                            product.id);
    if (rc == 0)
        rc = fs_config_assign_product(key, entry, &product,
                                      fs_config_events_place(&reader->events, places[0]),
                                      reader->events.error);
    if (rc != 0)
        free(product.id);
    return rc;
}

static int read_list(struct reader *reader, const struct fs_config_key *key,
                     struct fs_config_entry *entry)
{
    struct fs_text text = {NULL, 0};
    int rc;

    while ((rc = fs_config_events_next(&reader->events)) == 0 &&
           reader->events.event.type != YAML_SEQUENCE_END_EVENT) {
        if (key->kind == FS_CONFIG_PRODUCTS &&
            reader->events.event.type == YAML_MAPPING_START_EVENT)
            rc = read_product(reader, key, entry);
        else if ((rc = fs_config_events_scalar(&reader->events, key->path, &text)) == 0)
            rc = fs_config_assign(key, entry, text, reader->events.where, reader->events.error);
        if (rc != 0)
            break;
    }
    return rc;
}

static int read_options(struct reader *reader, const struct fs_config_key *key)
{
    const struct fs_config_layer_option *before;
    struct fs_text text = {NULL, 0};
    struct fs_config_met met;
    int rc;

    if (fs_config_events_is_null(&reader->events))
        return 0;
    if (reader->events.event.type != YAML_MAPPING_START_EVENT)
        return fs_config_fail(
            reader->events.error,
            fs_config_events_place(&reader->events, reader->events.event.start_mark),
            "'%s' must be a map of names to texts, not %s", key->path,
            fs_config_events_form(&reader->events));
    while ((rc = fs_config_events_next(&reader->events)) == 0 &&
           reader->events.event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = fs_config_events_meet(&reader->events, key->path, &met)) != 0)
            break;
        before = fs_config_layer_option(reader->layer, fs_text_of(met.name));
        if (before)
            return duplicate_fail(reader, &met, before->line);
        if ((rc = fs_config_events_next(&reader->events)) != 0 ||
            (rc = fs_config_events_scalar(&reader->events, met.path, &text)) != 0)
            break;
        rc =
            fs_config_assign_option(reader->layer, fs_text_of(met.name), text, reader->events.where,
                                    reader->events.where, met.mark.line + 1, reader->events.error);
        if (rc != 0)
            break;
    }
    return rc;
}

/* The value of a key that exists and is new; the current event is its first. */
static int read_value(struct reader *reader, const struct fs_config_key *key, size_t line)
{
    struct fs_config_entry *entry = &reader->layer->entries[fs_config_key_index(key)];
    bool is_list = key->kind == FS_CONFIG_TEXTS || key->kind == FS_CONFIG_PRODUCTS;
    struct fs_text text = {NULL, 0};
    int rc;

    entry->line = line;
    entry->origin =
        strdup(fs_config_events_place(&reader->events, reader->events.event.start_mark));
    if (!entry->origin)
        return fs_config_fail_memory(reader->events.error);
    if (key->kind == FS_CONFIG_OPTIONS)
        return read_options(reader, key);
    if (is_list && reader->events.event.type == YAML_SEQUENCE_START_EVENT)
        return read_list(reader, key, entry);
    if (key->kind == FS_CONFIG_PRODUCTS && !fs_config_events_is_null(&reader->events))
        return fs_config_fail(reader->events.error, reader->events.where,
                              "'%s' must be a list, not %s", key->path,
                              fs_config_events_form(&reader->events));
    rc = fs_config_events_scalar(&reader->events, key->path, &text);
    if (rc == 0)
        rc = fs_config_assign(key, entry, text, reader->events.where, reader->events.error);
    return rc;
}

static int read_key(struct reader *reader, const struct fs_config_key *key,
                    const struct fs_config_met *met)
{
    size_t line = reader->layer->entries[fs_config_key_index(key)].line;
    int rc;

    if (line != 0)
        return duplicate_fail(reader, met, line);
    rc = fs_config_events_next(&reader->events);
    return rc == 0 ? read_value(reader, key, met->mark.line + 1) : rc;
}

static int read_section_key(struct reader *reader, const char *section)
{
    const struct fs_config_key *key;
    struct fs_config_met met;
    int rc = fs_config_events_meet(&reader->events, section, &met);

    if (rc != 0)
        return rc;
    key = fs_config_key_find(fs_text_of(met.path));
    return key ? read_key(reader, key, &met) : unknown_fail(reader, &met, false);
}

/* Each key of the map whose first event is the current one; "": those of the top. */
static int read_keys(struct reader *reader, const char *section,
                     int (*read_one)(struct reader *reader, const char *section))
{
    int rc;

    while ((rc = fs_config_events_next(&reader->events)) == 0 &&
           reader->events.event.type != YAML_MAPPING_END_EVENT) {
        bool is_map = reader->events.event.type != YAML_SCALAR_EVENT;
        size_t depth = reader->events.depth;
        size_t key_count = reader->events.count;

        rc = read_one(reader, section);
        if (rc != 0 && is_map) /* a key that is no word: what follows is not understood */
            break;
        if (rc != 0 && (rc = recover(reader, rc, key_count, depth)) != 0)
            break;
    }
    return rc;
}

/* The value of a section; its first key stands for it. */
static int enter_section(struct reader *reader, const struct fs_config_key *first,
                         const struct fs_config_met *met)
{
    size_t *line = &reader->section_lines[fs_config_key_index(first)];
    int rc;

    if (*line != 0)
        return duplicate_fail(reader, met, *line);
    *line = met->mark.line + 1;
    rc = fs_config_events_next(&reader->events);
    if (rc != 0 || fs_config_events_is_null(&reader->events))
        return rc;
    if (reader->events.event.type != YAML_MAPPING_START_EVENT)
        return fs_config_fail(
            reader->events.error,
            fs_config_events_place(&reader->events, reader->events.event.start_mark),
            "'%s' is a section: its keys stand below it, such as '%s'", met->path, first->path);
    return read_keys(reader, met->path, read_section_key);
}

static int read_top_key(struct reader *reader, const char *none)
{
    const struct fs_config_key *key, *section;
    struct fs_config_met met;
    int rc = fs_config_events_meet(&reader->events, none, &met);

    if (rc != 0)
        return rc;
    key = fs_config_key_find(fs_text_of(met.path));
    section = fs_config_section_find(fs_text_of(met.path));
    if (key && strchr(met.path, '.'))
        return fs_config_fail(reader->events.error,
                              fs_config_events_place(&reader->events, met.mark),
                              "in a file, '%s' is '%s:' below '%.*s:'", met.path,
                              strchr(met.path, '.') + 1, (int)strcspn(met.path, "."), met.path);
    if (!key && !section)
        return unknown_fail(reader, &met, false);
    return key ? read_key(reader, key, &met) : enter_section(reader, section, &met);
}

static int read_stream(struct reader *reader)
{
    int rc = fs_config_events_next(&reader->events); /* the start of the stream */

    if (rc == 0)
        rc = fs_config_events_next(&reader->events);
    if (rc != 0 || reader->events.event.type == YAML_STREAM_END_EVENT)
        return rc;
    rc = fs_config_events_next(&reader->events);
    if (rc == 0 && reader->events.event.type == YAML_MAPPING_START_EVENT)
        rc = read_keys(reader, "", read_top_key);
    else if (rc == 0 && !fs_config_events_is_null(&reader->events))
        rc =
            fs_config_fail(reader->events.error,
                           fs_config_events_place(&reader->events, reader->events.event.start_mark),
                           "a configuration is a map of keys, such as 'workers: 2', not %s",
                           fs_config_events_form(&reader->events));
    if (rc == 0)
        rc = fs_config_events_next(&reader->events); /* the end of the document */
    if (rc == 0)
        rc = fs_config_events_next(&reader->events);
    if (rc == 0 && reader->events.event.type != YAML_STREAM_END_EVENT)
        rc =
            fs_config_fail(reader->events.error,
                           fs_config_events_place(&reader->events, reader->events.event.start_mark),
                           "a second document begins here; only one is read");
    return rc;
}

int fs_config_yaml_read(struct fs_config_layer *layer, const char *name, struct fs_text text,
                        struct fs_config_error *error)
{
    struct reader reader = {.layer = layer};
    size_t count;
    int rc;

    if (text.len > FS_CONFIG_FILE_LEN_MAX)
        return fs_config_fail(error, name, "larger than %u bytes", FS_CONFIG_FILE_LEN_MAX);
    fs_config_keys(&count);
    reader.section_lines = calloc(count, sizeof(*reader.section_lines));
    if (!reader.section_lines)
        return fs_config_fail_memory(error);
    rc = fs_config_events_init(&reader.events, name, text, error);
    if (rc != 0)
        goto free_lines;
    rc = fs_config_mistakes_end(&reader.mistakes, read_stream(&reader), error);
    fs_config_events_dispose(&reader.events);

free_lines:
    free(reader.section_lines);
    return rc;
}
