/* Writes a configuration as YAML: the resolved one with origins, and the reference with documents. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/builder.h"
#include "config/keys.h"
#include "config/problem.h"
#include "config/value.h"

#define COLUMN_MAX 96
#define LINE_SIZE 512 /* what the table says of one key in one line */

/* One of two styles: with origins behind values (builder), or with documents above keys (NULL). */
struct printer {
    FILE *out;
    const struct fs_config_builder *builder;
    const struct fs_config *config;
};

/* Every text of a configuration, and every origin, is UTF-8 without control characters. */
static void print_escaped(FILE *out, struct fs_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            fputc('\\', out);
        fputc(text.data[i], out);
    }
}

static void print_quoted(FILE *out, struct fs_text text)
{
    fputc('"', out);
    print_escaped(out, text);
    fputc('"', out);
}

static void print_origin(const struct printer *printer, const struct fs_config_key *key)
{
    if (printer->builder)
        fprintf(printer->out, "  # %s\n", fs_config_builder_entry(printer->builder, key)->origin);
    else
        fputc('\n', printer->out);
}

static void print_text(const struct printer *printer, const struct fs_config_key *key,
                       const char *text)
{
    struct fs_config_url_parts parts = fs_config_url_split(fs_text_of(text));

    if (printer->builder && key->kind == FS_CONFIG_SECRET && text[0]) {
        print_quoted(printer->out, FS_TEXT("(set)"));
    } else if (printer->builder && key->kind == FS_CONFIG_TEXTS && parts.hidden) {
        fputc('"', printer->out);
        print_escaped(printer->out, parts.scheme);
        fputs("(set)@", printer->out);
        print_escaped(printer->out, parts.place);
        fputc('"', printer->out);
    } else {
        print_quoted(printer->out, fs_text_of(text));
    }
}

static void print_texts(const struct printer *printer, const struct fs_config_key *key,
                        const struct fs_config_texts *texts)
{
    fputc('[', printer->out);
    for (size_t i = 0; i < texts->count; i++) {
        if (i > 0)
            fputs(", ", printer->out);
        print_text(printer, key, texts->items[i]);
    }
    fputc(']', printer->out);
}

static void print_product(FILE *out, const struct fs_config_product *product)
{
    char text[FS_CONFIG_NUMBER_SIZE];
    size_t count;
    const struct fs_config_key *keys = fs_config_product_keys(&count);

    fputs("  - {id: ", out);
    print_quoted(out, fs_text_of(product->id));
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        if (!fs_config_kind_is_number(keys[i].kind))
            continue;
        number = fs_config_number_get(&keys[i], product);
        /* An absent time is 0. */
        if (keys[i].kind == FS_CONFIG_TIME && number == 0)
            continue;
        fprintf(out, ", %s: ", strchr(keys[i].path, '.') + 1);
        if (keys[i].kind == FS_CONFIG_TIME)
            print_quoted(out, fs_text_of(fs_config_value_format(&keys[i], number, text)));
        else
            fputs(fs_config_value_format(&keys[i], number, text), out);
    }
    fputs("}\n", out);
}

static void print_products(const struct printer *printer, const struct fs_config_key *key)
{
    if (printer->config->product_count == 0)
        fputs(" []", printer->out);
    print_origin(printer, key);
    for (size_t i = 0; i < printer->config->product_count; i++)
        print_product(printer->out, &printer->config->products[i]);
}

static const char *option_origin(const struct fs_config_builder *builder, const char *name)
{
    for (int i = FS_CONFIG_SOURCE_COUNT - 1; i >= 0; i--) {
        const struct fs_config_layer_option *option =
            fs_config_layer_option(&builder->layers[i], fs_text_of(name));
        if (option)
            return option->origin;
    }
    return "";
}

static void print_options(const struct printer *printer, const struct fs_config_key *key)
{
    const struct fs_config *config = printer->config;

    if (config->strategy_option_count == 0) {
        fputs(" {}", printer->out);
        print_origin(printer, key);
        return;
    }
    fputc('\n', printer->out);
    for (size_t i = 0; i < config->strategy_option_count; i++) {
        const struct fs_config_option *option = &config->strategy_options[i];
        fputs("  ", printer->out);
        print_quoted(printer->out, fs_text_of(option->name));
        fputs(": ", printer->out);
        print_quoted(printer->out, fs_text_of(option->value));
        if (printer->builder)
            fprintf(printer->out, "  # %s\n", option_origin(printer->builder, option->name));
        else
            fputc('\n', printer->out);
    }
}

static void print_value(const struct printer *printer, const struct fs_config_key *key)
{
    char text[FS_CONFIG_NUMBER_SIZE];
    const void *field = (const char *)printer->config + key->offset;

    switch (key->kind) {
    case FS_CONFIG_PRODUCTS:
        print_products(printer, key);
        return;
    case FS_CONFIG_OPTIONS:
        print_options(printer, key);
        return;
    case FS_CONFIG_TEXTS:
        fputc(' ', printer->out);
        print_texts(printer, key, field);
        break;
    case FS_CONFIG_TEXT:
    case FS_CONFIG_SECRET:
        fputc(' ', printer->out);
        print_text(printer, key, *(char *const *)field);
        break;
    default:
        fprintf(printer->out, " %s",
                fs_config_value_format(key, fs_config_number_get(key, printer->config), text));
    }
    print_origin(printer, key);
}

/* Words of text as comment lines, none over COLUMN_MAX unless a word is. */
static void print_wrapped(FILE *out, const char *indent, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > COLUMN_MAX) {
            fputc('\n', out);
            column = 0;
        }
        if (column == 0)
            column = (size_t)fprintf(out, "%s#", indent);
        column += (size_t)fprintf(out, " %.*s", (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* "log-ins, 1 to 16" or "duration, 10ms to 1m": what a value is and its bounds. */
static void describe_form(struct fs_buffer *out, const struct fs_config_key *key)
{
    char min[FS_CONFIG_NUMBER_SIZE], max[FS_CONFIG_NUMBER_SIZE];

    switch (key->kind) {
    case FS_CONFIG_BOOL:
        fs_buffer_add(out, FS_TEXT("true or false"));
        break;
    case FS_CONFIG_ENUM:
        fs_config_value_choices(key, out);
        break;
    case FS_CONFIG_INTEGER:
    case FS_CONFIG_DURATION:
    case FS_CONFIG_SIZE:
        fs_buffer_add_format(out, "%s, %s to %s",
                             key->kind == FS_CONFIG_INTEGER    ? key->unit
                             : key->kind == FS_CONFIG_DURATION ? "duration (us, ms, s, m, h)"
                                                               : "size (B, KiB, MiB, GiB)",
                             fs_config_value_format(key, key->min, min),
                             fs_config_value_format(key, key->max, max));
        break;
    case FS_CONFIG_TEXTS:
        fs_buffer_add_format(out, "%s; a list of %" PRId64 " to %" PRId64, key->unit, key->min,
                             key->max);
        break;
    default:
        fs_buffer_add(out, fs_text_of(key->unit));
    }
}

static const char *default_of(const struct fs_config_key *key)
{
    if (key->default_text[0])
        return key->default_text;
    return key->kind == FS_CONFIG_OPTIONS                                    ? "{}"
           : key->kind == FS_CONFIG_TEXTS || key->kind == FS_CONFIG_PRODUCTS ? "[]"
                                                                             : "\"\"";
}

static void document_product(FILE *out)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_product_keys(&count);

    fputs("#\n# Keys of a product:\n", out);
    for (size_t i = 0; i < count; i++) {
        char data[LINE_SIZE];
        struct fs_buffer line = fs_buffer_of(data, sizeof(data) - 1);
        fs_buffer_add_format(&line, "- %s (", strchr(keys[i].path, '.') + 1);
        describe_form(&line, &keys[i]);
        if (keys[i].default_text[0])
            fs_buffer_add_format(&line, "; default: %s", keys[i].default_text);
        fs_buffer_add_format(&line, "): %s", keys[i].doc);
        assert(!line.overflowed);
        data[line.len] = '\0';
        print_wrapped(out, "", data);
    }
}

static void document_key(FILE *out, const char *indent, const struct fs_config_key *key)
{
    char data[LINE_SIZE];
    struct fs_buffer form = fs_buffer_of(data, sizeof(data));

    describe_form(&form, key);
    assert(!form.overflowed);
    print_wrapped(out, indent, key->doc);
    fprintf(out, "%s# %.*s; default: %s\n", indent, (int)form.len, data, default_of(key));
    if (key->kind == FS_CONFIG_PRODUCTS)
        document_product(out);
}

static void print_keys(const struct printer *printer)
{
    size_t count, section_len = 0;
    const struct fs_config_key *keys = fs_config_keys(&count);
    const char *section = "";

    for (size_t i = 0; i < count; i++) {
        const char *dot = strchr(keys[i].path, '.');
        const char *indent = dot ? "  " : "";
        size_t len = dot ? (size_t)(dot - keys[i].path) : 0;
        bool enters = dot && (len != section_len || memcmp(section, keys[i].path, len) != 0);
        if (!printer->builder)
            fputc('\n', printer->out);
        if (enters)
            fprintf(printer->out, "%.*s:\n", (int)len, keys[i].path);
        section = keys[i].path;
        section_len = len;
        if (!printer->builder)
            document_key(printer->out, indent, &keys[i]);
        fprintf(printer->out, "%s%s:", indent, dot ? dot + 1 : keys[i].path);
        print_value(printer, &keys[i]);
    }
}

/* Returns malloc'd text, or NULL. */
static char *print_all(struct printer *printer, const char *head)
{
    char *text = NULL;
    size_t len;
    bool failed;

    printer->out = open_memstream(&text, &len);
    if (!printer->out)
        return NULL;
    fputs(head, printer->out);
    print_keys(printer);
    failed = ferror(printer->out) != 0;
    if (fclose(printer->out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

char *fs_config_to_yaml(const struct fs_config_builder *builder, const struct fs_config *config)
{
    struct printer printer = {NULL, builder, config};

    return print_all(&printer, "");
}

char *fs_config_reference(void)
{
    static const char HEAD[] =
        "# Every setting of flashsale, with its default.  A file needs to hold only what it\n"
        "# changes.  Stronger than a file are variables (FLASHSALE_PURCHASE_DEADLINE=2s for\n"
        "# purchase.deadline; lists separated by commas), and stronger still are flags\n"
        "# (--set purchase.deadline=2s).  Paths are relative to the working directory.\n";
    struct fs_config_builder *builder;
    struct fs_config *config;
    struct fs_config_error error;
    struct printer printer = {NULL, NULL, NULL};
    char *text = NULL;

    if (fs_config_builder_create(&builder) != 0)
        return NULL;
    if (fs_config_finish(builder, &config, &error) == 0) {
        printer.config = config;
        text = print_all(&printer, HEAD);
        fs_config_destroy(config);
    }
    fs_config_builder_destroy(builder);
    return text;
}
