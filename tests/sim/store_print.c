/* The data of the in-process store, for people who look at a failing run. */
#include "sim/store_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_text(FILE *out, struct fs_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= ' ' && text.data[i] <= '~')
            putc(text.data[i], out);
        else
            fprintf(out, "\\x%02x", (unsigned char)text.data[i]);
}

static int compare_fields(const void *left, const void *right)
{
    const struct sim_field *a = *(const struct sim_field *const *)left;
    const struct sim_field *b = *(const struct sim_field *const *)right;
    size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = len > 0 ? memcmp(a->key.data, b->key.data, len) : 0;

    return order != 0 ? order : (a->key.len > b->key.len) - (a->key.len < b->key.len);
}

/* The fields that are there, sorted; to be freed. */
static const struct sim_field **sorted(const struct sim_dict *dict, size_t *count)
{
    size_t capacity = 0;
    const struct sim_field **list =
        sim_grow(NULL, &capacity, (size_t)dict->live_count + 1, sizeof(*list));

    *count = 0;
    for (uint32_t i = 0; i < dict->place_count; i++)
        if (dict->fields[i].is_live)
            list[(*count)++] = &dict->fields[i];
    qsort(list, *count, sizeof(*list), compare_fields);
    return list;
}

static void print_dict(FILE *out, const struct sim_dict *dict, bool has_values)
{
    size_t count;
    const struct sim_field **list = sorted(dict, &count);

    for (size_t i = 0; i < count; i++) {
        fputs("\n    ", out);
        print_text(out, list[i]->key);
        if (has_values) {
            fputs(" = ", out);
            print_text(out, sim_field_value(list[i]));
        }
    }
    free(list);
}

static void print_stream(FILE *out, const struct sim_stream *stream)
{
    for (size_t i = stream->entry_first; i < stream->entry_count; i++) {
        const struct sim_stream_entry *entry = &stream->entries[i];

        fprintf(out, "\n    %" PRIu64 "-%" PRIu64, entry->ms, entry->sequence);
        for (size_t k = 0; k < entry->word_count; k++) {
            putc(' ', out);
            print_text(out, entry->words[k]);
        }
    }
}

void sim_store_print(struct sim_store *store, FILE *out)
{
    size_t count;
    const struct sim_field **keys = sorted(&store->keys, &count);

    fprintf(out, "store %s at %" PRIu64 ", clock %" PRId64 "\n", store->name, store->position,
            store->clock_us);
    for (size_t i = 0; i < count; i++) {
        const struct sim_value *value = (const struct sim_value *)(const void *)keys[i]->value;

        fputs("  ", out);
        print_text(out, keys[i]->key);
        if (value->expires_ms != 0)
            fprintf(out, " (until %" PRId64 ")", value->expires_ms);
        if (value->type == SIM_TEXT) {
            fputs(" = ", out);
            print_text(out, sim_field_value(&value->as.text));
        } else if (value->type == SIM_STREAM) {
            print_stream(out, &value->as.stream);
        } else {
            print_dict(out, &value->as.dict, value->type == SIM_HASH);
        }
        putc('\n', out);
    }
    free(keys);
}
