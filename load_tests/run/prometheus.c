/* The page of GET /metrics as numbers. */
#include "run/prometheus.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX 128u

/* Behind the closing brace of labels; values may hold braces and escaped quotes. */
static char *end_of_labels(char *at)
{
    bool is_quoted = false;

    for (; *at != '\0' && (is_quoted || *at != '}'); at++) {
        if (*at == '\\' && is_quoted && at[1] != '\0')
            at++;
        else if (*at == '"')
            is_quoted = !is_quoted;
    }
    return at;
}

/* Cuts line into a sample; false: it is none. */
static bool read_line(char *line, struct fs_sample *sample)
{
    char *at = line + strcspn(line, "{ \t");
    char *end;

    if (line[0] == '#' || at == line || *at == '\0')
        return false;
    sample->name = line;
    sample->labels = "";
    if (*at == '{') {
        *at++ = '\0';
        sample->labels = at;
        at = end_of_labels(at);
        if (*at != '}')
            return false;
    }
    *at++ = '\0';
    sample->value = strtod(at, &end);
    return end != at;
}

int fs_prom_read(struct fs_prom_page *page, const char *text)
{
    size_t line_count = 1;
    char *save = NULL;

    for (const char *at = text; *at; at++)
        line_count += *at == '\n';
    page->count = 0;
    page->text = strdup(text);
    page->samples = calloc(line_count, sizeof(*page->samples));
    if (!page->text || !page->samples) {
        fs_prom_dispose(page);
        return -ENOMEM;
    }
    for (char *line = strtok_r(page->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (read_line(line, &page->samples[page->count]))
            page->count++;
    return 0;
}

void fs_prom_dispose(struct fs_prom_page *page)
{
    free(page->text);
    free(page->samples);
    *page = (struct fs_prom_page){0};
}

/* label at the beginning or behind a comma: le="1" is not in rule="1". */
static bool has_label(const char *labels, const char *label)
{
    size_t len = strlen(label);

    for (const char *at = labels; (at = strstr(at, label)) != NULL; at++)
        if ((at == labels || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

double fs_prom_value(const struct fs_prom_page *page, const char *name, const char *label)
{
    double sum = NAN;

    for (size_t i = 0; i < page->count; i++) {
        const struct fs_sample *sample = &page->samples[i];

        if (strcmp(sample->name, name) == 0 && (!label || has_label(sample->labels, label)))
            sum = isnan(sum) ? sample->value : sum + sample->value;
    }
    return sum;
}

double fs_prom_delta(const struct fs_prom_page *before, const struct fs_prom_page *after,
                     const char *name, const char *label)
{
    double was = fs_prom_value(before, name, label);
    double is = fs_prom_value(after, name, label);

    return isnan(was) ? is : is - was;
}

void fs_prom_label(const struct fs_prom_page *page, const char *name, const char *label, char *text,
                   size_t size)
{
    size_t len = strlen(label);

    text[0] = '\0';
    for (size_t i = 0; i < page->count; i++) {
        const char *at = page->samples[i].labels;

        if (strcmp(page->samples[i].name, name) != 0)
            continue;
        for (; (at = strstr(at, label)) != NULL; at += len) {
            if (at[len] != '=' || at[len + 1] != '"')
                continue;
            snprintf(text, size, "%.*s", (int)strcspn(at + len + 2, "\""), at + len + 2);
            return;
        }
    }
}

struct bucket {
    double bound; /* INFINITY for the last */
    double count; /* cumulative, between the pages */
};

static double bound_of(const char *labels)
{
    const char *at = strstr(labels, "le=\"");

    return at ? strtod(at + 4, NULL) : NAN; /* strtod reads "+Inf" */
}

static int compare_buckets(const void *a, const void *b)
{
    const struct bucket *x = a;
    const struct bucket *y = b;

    return (x->bound > y->bound) - (x->bound < y->bound);
}

static void add_to(struct bucket *buckets, size_t *count, double bound, double value)
{
    size_t i = 0;

    while (i < *count && buckets[i].bound != bound)
        i++;
    if (i == BUCKETS_MAX)
        return;
    if (i == *count)
        buckets[(*count)++] = (struct bucket){bound, 0};
    buckets[i].count += value;
}

/* Adds up the series of name_bucket by their bounds. */
static void gather(const struct fs_prom_page *page, const char *name, double sign,
                   struct bucket *buckets, size_t *count)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < page->count; i++) {
        const struct fs_sample *sample = &page->samples[i];
        double bound;

        if (strncmp(sample->name, name, len) != 0 || strcmp(sample->name + len, "_bucket") != 0)
            continue;
        bound = bound_of(sample->labels);
        if (!isnan(bound))
            add_to(buckets, count, bound, sign * sample->value);
    }
}

double fs_prom_quantile(const struct fs_prom_page *before, const struct fs_prom_page *after,
                        const char *name, double quantile)
{
    struct bucket buckets[BUCKETS_MAX];
    size_t count = 0;
    double wanted;
    size_t i = 0;
    double low;
    double below;

    gather(after, name, 1, buckets, &count);
    gather(before, name, -1, buckets, &count);
    qsort(buckets, count, sizeof(buckets[0]), compare_buckets);
    if (count < 2 || buckets[count - 1].count <= 0)
        return NAN;
    wanted = quantile * buckets[count - 1].count;
    while (i < count - 1 && buckets[i].count < wanted)
        i++;
    if (i == count - 1)
        return buckets[count - 2].bound;
    low = i == 0 ? 0 : buckets[i - 1].bound;
    below = i == 0 ? 0 : buckets[i - 1].count;
    if (buckets[i].count <= below)
        return buckets[i].bound;
    return low + (buckets[i].bound - low) * (wanted - below) / (buckets[i].count - below);
}
