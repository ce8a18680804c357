/* Reads YAML event by event, so that each refusal can point at line and column.
 *
 * libyaml's tree would do for the values, but it forgets anchors, aliases and second keys, which are
 * refused here: a configuration that means something else than it seems is worse than none. */
#include "config/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/limits.h"
#include "config/assign.h"
#include "config/keys.h"
#include "config/problem.h"
#include "config/value.h"

#define WHERE_SIZE 480
#define PRODUCT_KEYS_MAX 16

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;
    struct fs_text text;
    struct fs_config_layer *layer;
    size_t *section_lines; /* owned: by the index of a section's first key; 0: not seen */
    struct fs_config_error *error;
    char where[WHERE_SIZE]; /* the place last asked for */
};

/* A key as it was met. */
struct met {
    char path[FS_CONFIG_PATH_SIZE];
    const char *name; /* its last part, in path */
    yaml_mark_t mark;
};

static const char *place(struct reader *reader, yaml_mark_t mark)
{
    snprintf(reader->where, sizeof(reader->where), "%.400s:%zu:%zu", reader->name, mark.line + 1,
             mark.column + 1);
    return reader->where;
}

/* Lines and columns of a byte, as libyaml counts them. */
static yaml_mark_t mark_of_byte(struct fs_text text, size_t offset)
{
    yaml_mark_t mark = {0, 0, 0};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.data[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

static bool is_tab_at(struct fs_text text, yaml_mark_t mark)
{
    size_t at = 0, line = 0;

    while (at < text.len && line < mark.line)
        line += text.data[at++] == '\n';
    for (size_t column = 0; at < text.len && column < mark.column; at++)
        column += at + 1 < text.len && ((unsigned char)text.data[at + 1] & 0xc0) != 0x80;
    return at < text.len && text.data[at] == '\t';
}

static int syntax_fail(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "not YAML";

    if (parser->error == YAML_MEMORY_ERROR)
        return fs_config_fail_memory(reader->error);
    if (parser->error == YAML_READER_ERROR)
        return fs_config_fail(reader->error,
                              place(reader, mark_of_byte(reader->text, parser->problem_offset)),
                              "%s (the file must be UTF-8 text)", problem);
    place(reader, parser->problem_mark);
    if (is_tab_at(reader->text, parser->problem_mark))
        return fs_config_fail(reader->error, reader->where,
                              "a tab cannot indent in YAML; use spaces");
    if (parser->context)
        return fs_config_fail(reader->error, reader->where, "%s, %s", problem, parser->context);
    return fs_config_fail(reader->error, reader->where, "%s", problem);
}

static const yaml_char_t *event_anchor(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
           : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
           : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
                                                      : NULL;
}

static const yaml_char_t *event_tag(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.tag
           : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.tag
           : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.tag
                                                      : NULL;
}

/* Makes the next event the current one. */
static int next(struct reader *reader)
{
    yaml_event_t *event = &reader->event;

    yaml_event_delete(event);
    if (!yaml_parser_parse(&reader->parser, event))
        return syntax_fail(reader);
    if (event->type == YAML_ALIAS_EVENT || event_anchor(event))
        return fs_config_fail(reader->error, place(reader, event->start_mark),
                              "anchors (&) and aliases (*) are not used here; write the value, in "
                              "quotes if it begins so");
    if (event_tag(event))
        return fs_config_fail(
            reader->error, place(reader, event->start_mark),
            "tags (!) are not used here; write the value, in quotes if it begins so");
    return 0;
}

static bool event_is_null(const yaml_event_t *event)
{
    static const char *const NULLS[] = {"", "~", "null", "Null", "NULL"};
    const char *value = (const char *)event->data.scalar.value;

    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(NULLS) / sizeof(NULLS[0]); i++)
        if (strcmp(value, NULLS[i]) == 0)
            return true;
    return false;
}

static struct fs_text event_text(const yaml_event_t *event)
{
    return (struct fs_text){(const char *)event->data.scalar.value, event->data.scalar.length};
}

static const char *event_form(const yaml_event_t *event)
{
    return event->type == YAML_MAPPING_START_EVENT    ? "a map"
           : event->type == YAML_SEQUENCE_START_EVENT ? "a list"
                                                      : "a single value";
}

/* The current event as the key "section.name". */
static int meet(struct reader *reader, const char *section, struct met *met)
{
    struct fs_text name;
    size_t prefix = strlen(section);

    met->mark = reader->event.start_mark;
    if (reader->event.type != YAML_SCALAR_EVENT)
        return fs_config_fail(reader->error, place(reader, met->mark),
                              "a key must be a plain word, not %s", event_form(&reader->event));
    name = event_text(&reader->event);
    memcpy(met->path, section, prefix);
    if (prefix > 0)
        met->path[prefix++] = '.';
    if (name.len > sizeof(met->path) - prefix - 1)
        name.len = sizeof(met->path) - prefix - 1;
    for (size_t i = 0; i < name.len; i++)
        met->path[prefix + i] = (unsigned char)name.data[i] < 0x20 ? '?' : name.data[i];
    met->path[prefix + name.len] = '\0';
    met->name = met->path + prefix;
    return 0;
}

static int unknown_fail(struct reader *reader, const struct met *met, bool product)
{
    char suggestion[FS_CONFIG_PATH_SIZE];

    place(reader, met->mark);
    if (fs_config_suggest(fs_text_of(met->path), product, suggestion))
        return fs_config_fail(reader->error, reader->where, "unknown key '%s'; did you mean '%s'?",
                              met->path, suggestion);
    return fs_config_fail(reader->error, reader->where, "unknown key '%s'", met->path);
}

static int duplicate_fail(struct reader *reader, const struct met *met, size_t line)
{
    return fs_config_fail(reader->error, place(reader, met->mark),
                          "'%s' was given before, on line %zu", met->path, line);
}

/* The current event must be a single value of key. */
static int take_scalar(struct reader *reader, const char *path, struct fs_text *text)
{
    const yaml_event_t *event = &reader->event;

    place(reader, event->start_mark);
    if (event->type != YAML_SCALAR_EVENT)
        return fs_config_fail(reader->error, reader->where, "'%s' must be a single value, not %s",
                              path, event_form(event));
    if (event_is_null(event))
        return fs_config_fail(reader->error, reader->where,
                              "'%s' has no value; leave the key out for its default, or write \"\" "
                              "for an empty text and [] for an empty list",
                              path);
    *text = event_text(event);
    return 0;
}

/* A value of a product's key into product. */
static int read_product_field(struct reader *reader, const struct fs_config_key *key,
                              struct fs_config_product *product)
{
    struct fs_text text = {NULL, 0};
    int64_t number = 0;
    int rc = take_scalar(reader, key->path, &text);

    if (rc == 0)
        rc = fs_config_value_parse(key, text, reader->where, &number, reader->error);
    if (rc != 0)
        return rc;
    if (fs_config_kind_is_number(key->kind)) {
        fs_config_number_put(key, product, number);
        return 0;
    }
    *fs_config_text_field(key, product) = fs_config_text_copy(text);
    return *fs_config_text_field(key, product) ? 0 : fs_config_fail_memory(reader->error);
}

/* The keys of one product up to the end of its map; places[i]: where the i-th key's value is. */
static int read_product_keys(struct reader *reader, struct fs_config_product *product,
                             yaml_mark_t *places, size_t *lines)
{
    struct met met;
    size_t count, i;
    const struct fs_config_key *keys = fs_config_product_keys(&count);
    int rc;

    while ((rc = next(reader)) == 0 && reader->event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = meet(reader, "products", &met)) != 0)
            break;
        for (i = 0; i < count && strcmp(keys[i].path, met.path) != 0;)
            i++;
        if (i == count)
            return unknown_fail(reader, &met, true);
        if (lines[i] != 0)
            return duplicate_fail(reader, &met, lines[i]);
        lines[i] = met.mark.line + 1;
        if ((rc = next(reader)) != 0)
            break;
        places[i] = reader->event.start_mark;
        if ((rc = read_product_field(reader, &keys[i], product)) != 0)
            break;
    }
    return rc;
}

static int read_product(struct reader *reader, const struct fs_config_key *key,
                        struct fs_config_entry *entry)
{
    struct fs_config_product product = fs_config_product_default();
    yaml_mark_t start = reader->event.start_mark;
    yaml_mark_t places[PRODUCT_KEYS_MAX] = {{0, 0, 0}};
    size_t lines[PRODUCT_KEYS_MAX] = {0};
    int rc = read_product_keys(reader, &product, places, lines);

    if (rc == 0 && !product.id)
        rc = fs_config_fail(reader->error, place(reader, start), "a product needs an 'id'");
    if (rc == 0 && product.closes_at_ms != 0 && product.closes_at_ms <= product.opens_at_ms)
        rc = fs_config_fail(reader->error, place(reader, start),
                            "product '%s' closes before it opens: closes_at must be after opens_at",
                            product.id);
    if (rc == 0)
        rc =
            fs_config_assign_product(key, entry, &product, place(reader, places[0]), reader->error);
    if (rc != 0)
        free(product.id);
    return rc;
}

static int read_list(struct reader *reader, const struct fs_config_key *key,
                     struct fs_config_entry *entry)
{
    struct fs_text text = {NULL, 0};
    int rc;

    while ((rc = next(reader)) == 0 && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        if (key->kind == FS_CONFIG_PRODUCTS && reader->event.type == YAML_MAPPING_START_EVENT)
            rc = read_product(reader, key, entry);
        else if ((rc = take_scalar(reader, key->path, &text)) == 0)
            rc = fs_config_assign(key, entry, text, reader->where, reader->error);
        if (rc != 0)
            break;
    }
    return rc;
}

static int read_options(struct reader *reader, const struct fs_config_key *key)
{
    const struct fs_config_layer_option *before;
    struct fs_text text = {NULL, 0};
    struct met met;
    int rc;

    if (event_is_null(&reader->event))
        return 0;
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return fs_config_fail(reader->error, place(reader, reader->event.start_mark),
                              "'%s' must be a map of names to texts, not %s", key->path,
                              event_form(&reader->event));
    while ((rc = next(reader)) == 0 && reader->event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = meet(reader, key->path, &met)) != 0)
            break;
        before = fs_config_layer_option(reader->layer, fs_text_of(met.name));
        if (before)
            return duplicate_fail(reader, &met, before->line);
        if ((rc = next(reader)) != 0 || (rc = take_scalar(reader, met.path, &text)) != 0)
            break;
        rc = fs_config_assign_option(reader->layer, fs_text_of(met.name), text, reader->where,
                                     reader->where, met.mark.line + 1, reader->error);
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
    entry->origin = strdup(place(reader, reader->event.start_mark));
    if (!entry->origin)
        return fs_config_fail_memory(reader->error);
    if (key->kind == FS_CONFIG_OPTIONS)
        return read_options(reader, key);
    if (is_list && reader->event.type == YAML_SEQUENCE_START_EVENT)
        return read_list(reader, key, entry);
    if (key->kind == FS_CONFIG_PRODUCTS && !event_is_null(&reader->event))
        return fs_config_fail(reader->error, reader->where, "'%s' must be a list, not %s",
                              key->path, event_form(&reader->event));
    rc = take_scalar(reader, key->path, &text);
    if (rc == 0)
        rc = fs_config_assign(key, entry, text, reader->where, reader->error);
    return rc;
}

static int read_key(struct reader *reader, const struct fs_config_key *key, const struct met *met)
{
    size_t line = reader->layer->entries[fs_config_key_index(key)].line;
    int rc;

    if (line != 0)
        return duplicate_fail(reader, met, line);
    rc = next(reader);
    return rc == 0 ? read_value(reader, key, met->mark.line + 1) : rc;
}

static int read_section(struct reader *reader, const char *section)
{
    const struct fs_config_key *key;
    struct met met;
    int rc;

    while ((rc = next(reader)) == 0 && reader->event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = meet(reader, section, &met)) != 0)
            break;
        key = fs_config_key_find(fs_text_of(met.path));
        if (!key)
            return unknown_fail(reader, &met, false);
        if ((rc = read_key(reader, key, &met)) != 0)
            break;
    }
    return rc;
}

/* The value of a section; its first key stands for it. */
static int enter_section(struct reader *reader, const struct fs_config_key *first,
                         const struct met *met)
{
    size_t *line = &reader->section_lines[fs_config_key_index(first)];
    int rc;

    if (*line != 0)
        return duplicate_fail(reader, met, *line);
    *line = met->mark.line + 1;
    rc = next(reader);
    if (rc != 0 || event_is_null(&reader->event))
        return rc;
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return fs_config_fail(reader->error, place(reader, reader->event.start_mark),
                              "'%s' is a section: its keys stand below it, such as '%s'", met->path,
                              first->path);
    return read_section(reader, met->path);
}

static int read_top(struct reader *reader)
{
    const struct fs_config_key *key, *section;
    struct met met;
    int rc;

    while ((rc = next(reader)) == 0 && reader->event.type != YAML_MAPPING_END_EVENT) {
        if ((rc = meet(reader, "", &met)) != 0)
            break;
        key = fs_config_key_find(fs_text_of(met.path));
        section = fs_config_section_find(fs_text_of(met.path));
        if (key && strchr(met.path, '.'))
            return fs_config_fail(reader->error, place(reader, met.mark),
                                  "in a file, '%s' is '%s:' below '%.*s:'", met.path,
                                  strchr(met.path, '.') + 1, (int)strcspn(met.path, "."), met.path);
        if (!key && !section)
            return unknown_fail(reader, &met, false);
        rc = key ? read_key(reader, key, &met) : enter_section(reader, section, &met);
        if (rc != 0)
            break;
    }
    return rc;
}

static int read_stream(struct reader *reader)
{
    int rc = next(reader); /* the start of the stream */

    if (rc == 0)
        rc = next(reader);
    if (rc != 0 || reader->event.type == YAML_STREAM_END_EVENT)
        return rc;
    rc = next(reader);
    if (rc == 0 && reader->event.type == YAML_MAPPING_START_EVENT)
        rc = read_top(reader);
    else if (rc == 0 && !event_is_null(&reader->event))
        rc = fs_config_fail(reader->error, place(reader, reader->event.start_mark),
                            "a configuration is a map of keys, such as 'workers: 2', not %s",
                            event_form(&reader->event));
    if (rc == 0)
        rc = next(reader); /* the end of the document */
    if (rc == 0)
        rc = next(reader);
    if (rc == 0 && reader->event.type != YAML_STREAM_END_EVENT)
        rc = fs_config_fail(reader->error, place(reader, reader->event.start_mark),
                            "a second document begins here; only one is read");
    return rc;
}

int fs_config_yaml_read(struct fs_config_layer *layer, const char *name, struct fs_text text,
                        struct fs_config_error *error)
{
    struct reader reader = {.name = name, .text = text, .layer = layer, .error = error};
    size_t count;
    int rc;

    if (text.len > FS_CONFIG_FILE_LEN_MAX)
        return fs_config_fail(error, name, "larger than %u bytes", FS_CONFIG_FILE_LEN_MAX);
    fs_config_keys(&count);
    reader.section_lines = calloc(count, sizeof(*reader.section_lines));
    if (!reader.section_lines)
        return fs_config_fail_memory(error);
    if (!yaml_parser_initialize(&reader.parser)) {
        rc = fs_config_fail_memory(error);
        goto free_lines;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data, text.len);
    rc = read_stream(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);

free_lines:
    free(reader.section_lines);
    return rc;
}
