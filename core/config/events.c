/* Turns libyaml's stream of events into one that cannot surprise: no anchors, no tags, and a place for
 * every refusal, also for those of libyaml. */
#include "config/events.h"

#include <stdio.h>
#include <string.h>

#include "config/problem.h"

int fs_config_events_init(struct fs_config_events *events, const char *name, struct fs_text text,
                          struct fs_config_error *error)
{
    memset(events, 0, sizeof(*events));
    events->name = name;
    events->text = text;
    events->error = error;
    if (!yaml_parser_initialize(&events->parser))
        return fs_config_fail_memory(error);
    yaml_parser_set_encoding(&events->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&events->parser, (const unsigned char *)text.data, text.len);
    return 0;
}

void fs_config_events_dispose(struct fs_config_events *events)
{
    yaml_event_delete(&events->event);
    yaml_parser_delete(&events->parser);
}

const char *fs_config_events_place(struct fs_config_events *events, yaml_mark_t mark)
{
    snprintf(events->where, sizeof(events->where), "%.400s:%zu:%zu", events->name, mark.line + 1,
             mark.column + 1);
    fs_config_clean(events->where);
    return events->where;
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

static int syntax_fail(struct fs_config_events *events)
{
    const yaml_parser_t *parser = &events->parser;
    const char *problem = parser->problem ? parser->problem : "not YAML";

    if (parser->error == YAML_MEMORY_ERROR)
        return fs_config_fail_memory(events->error);
    if (parser->error == YAML_READER_ERROR)
        return fs_config_fail(
            events->error,
            fs_config_events_place(events, mark_of_byte(events->text, parser->problem_offset)),
            "%s (the file must be UTF-8 text)", problem);
    fs_config_events_place(events, parser->problem_mark);
    if (is_tab_at(events->text, parser->problem_mark))
        return fs_config_fail(events->error, events->where,
                              "a tab cannot indent in YAML; use spaces");
    if (parser->context)
        return fs_config_fail(events->error, events->where, "%s, %s", problem, parser->context);
    return fs_config_fail(events->error, events->where, "%s", problem);
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

static void count_event(struct fs_config_events *events)
{
    yaml_event_type_t type = events->event.type;

    events->count++;
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
        events->depth++;
    else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
        events->depth--;
}

int fs_config_events_next(struct fs_config_events *events)
{
    yaml_event_t *event = &events->event;

    yaml_event_delete(event);
    if (!yaml_parser_parse(&events->parser, event)) {
        events->is_broken = true;
        return syntax_fail(events);
    }
    count_event(events);
    if (event->type == YAML_ALIAS_EVENT || event_anchor(event))
        return fs_config_fail(events->error, fs_config_events_place(events, event->start_mark),
                              "anchors (&) and aliases (*) are not used here; write the value, in "
                              "quotes if it begins so");
    if (event_tag(event))
        return fs_config_fail(
            events->error, fs_config_events_place(events, event->start_mark),
            "tags (!) are not used here; write the value, in quotes if it begins so");
    return 0;
}

bool fs_config_events_is_null(const struct fs_config_events *events)
{
    const yaml_event_t *event = &events->event;
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

const char *fs_config_events_form(const struct fs_config_events *events)
{
    const yaml_event_t *event = &events->event;

    return event->type == YAML_MAPPING_START_EVENT    ? "a map"
           : event->type == YAML_SEQUENCE_START_EVENT ? "a list"
                                                      : "a single value";
}

int fs_config_events_meet(struct fs_config_events *events, const char *section,
                          struct fs_config_met *met)
{
    struct fs_text name;
    size_t prefix = strlen(section);

    met->mark = events->event.start_mark;
    if (events->event.type != YAML_SCALAR_EVENT)
        return fs_config_fail(events->error, fs_config_events_place(events, met->mark),
                              "a key must be a plain word, not %s", fs_config_events_form(events));
    name = event_text(&events->event);
    memcpy(met->path, section, prefix);
    if (prefix > 0)
        met->path[prefix++] = '.';
    if (name.len > sizeof(met->path) - prefix - 1)
        name.len = sizeof(met->path) - prefix - 1;
    for (size_t i = 0; i < name.len; i++)
        met->path[prefix + i] = (char)((unsigned char)name.data[i] < 0x20 ? '?' : name.data[i]);
    met->path[prefix + name.len] = '\0';
    met->name = met->path + prefix;
    return 0;
}

int fs_config_events_scalar(struct fs_config_events *events, const char *path, struct fs_text *text)
{
    const yaml_event_t *event = &events->event;

    fs_config_events_place(events, event->start_mark);
    if (event->type != YAML_SCALAR_EVENT)
        return fs_config_fail(events->error, events->where, "'%s' must be a single value, not %s",
                              path, fs_config_events_form(events));
    if (fs_config_events_is_null(events))
        return fs_config_fail(events->error, events->where,
                              "'%s' has no value; leave the key out for its default, or write \"\" "
                              "for an empty text and [] for an empty list",
                              path);
    *text = event_text(event);
    return 0;
}
