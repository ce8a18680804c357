/* Merges the layers into the structure that the server reads. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/builder.h"
#include "config/check.h"
#include "config/keys.h"
#include "config/problem.h"
#include "config/value.h"

static int resolve_scalar(const struct fs_config_key *key, const struct fs_config_entry *entry,
                          struct fs_config *config)
{
    struct fs_config_error error;
    int64_t number;
    int rc;

    assert(entry->texts.count == 1);
    if (!fs_config_kind_is_number(key->kind)) {
        char **field = fs_config_text_field(key, config);
        *field = strdup(entry->texts.items[0]);
        return *field ? 0 : -ENOMEM;
    }
    rc = fs_config_value_parse(key, fs_text_of(entry->texts.items[0]), NULL, &number, &error);
    assert(rc == 0); /* it was checked when it was assigned */
    fs_config_number_put(key, config, number);
    return rc;
}

/* The names in the order in which the weakest layer that has them gives them. */
static int resolve_options(const struct fs_config_builder *builder, struct fs_config *config)
{
    struct fs_config_layer merged = {NULL, NULL, 0};
    int rc = 0;

    for (int i = 0; rc == 0 && i < FS_CONFIG_SOURCE_COUNT; i++)
        for (size_t j = 0; rc == 0 && j < builder->layers[i].option_count; j++) {
            const struct fs_config_layer_option *option = &builder->layers[i].options[j];
            rc = fs_config_layer_option_set(&merged, fs_text_of(option->name),
                                            fs_text_of(option->value), option->origin, 0);
        }
    if (rc == 0 && merged.option_count > 0) {
        config->strategy_options = calloc(merged.option_count, sizeof(*config->strategy_options));
        rc = config->strategy_options ? 0 : -ENOMEM;
    }
    for (size_t i = 0; rc == 0 && i < merged.option_count; i++) {
        struct fs_config_option *option = &config->strategy_options[i];
        option->name = merged.options[i].name;
        option->value = merged.options[i].value;
        merged.options[i].name = merged.options[i].value = NULL;
        config->strategy_option_count++;
    }
    fs_config_layer_dispose(&merged);
    return rc;
}

static int resolve_key(const struct fs_config_builder *builder, const struct fs_config_key *key,
                       struct fs_config *config)
{
    const struct fs_config_entry *entry = fs_config_builder_entry(builder, key);

    switch (key->kind) {
    case FS_CONFIG_OPTIONS:
        return resolve_options(builder, config);
    case FS_CONFIG_PRODUCTS:
        return fs_config_products_copy(entry->products, entry->product_count, &config->products,
                                       &config->product_count);
    case FS_CONFIG_TEXTS:
        return fs_config_texts_copy(&entry->texts, fs_config_texts_field(key, config));
    default:
        return resolve_scalar(key, entry, config);
    }
}

/* The ten demo sales are for demo log-ins: a real shop sells what it says. */
static void drop_demo_products(const struct fs_config_builder *builder, struct fs_config *config)
{
    const struct fs_config_key *key = fs_config_key_find(FS_TEXT("products"));
    const struct fs_config_entry *demo =
        &builder->layers[FS_CONFIG_FROM_DEFAULT].entries[fs_config_key_index(key)];

    if (config->auth_mode == FS_AUTH_DEMO || fs_config_builder_entry(builder, key) != demo)
        return;
    fs_config_products_dispose(config->products, config->product_count);
    config->products = NULL;
    config->product_count = 0;
}

int fs_config_finish(const struct fs_config_builder *builder, struct fs_config **config,
                     struct fs_config_error *error)
{
    struct fs_config *fresh = calloc(1, sizeof(*fresh));
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);
    int rc = fresh ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = resolve_key(builder, &keys[i], fresh);
    if (rc == 0)
        drop_demo_products(builder, fresh);
    if (rc == 0 && !(fresh->source = strdup(builder->source ? builder->source : "defaults")))
        rc = -ENOMEM;
    if (rc != 0)
        fs_config_fail_memory(error);
    else
        rc = fs_config_check(builder, fresh, error);
    if (rc != 0)
        fs_config_destroy(fresh);
    else
        *config = fresh;
    return rc;
}

void fs_config_destroy(struct fs_config *config)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    if (!config)
        return;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].kind == FS_CONFIG_TEXT || keys[i].kind == FS_CONFIG_SECRET)
            free(*fs_config_text_field(&keys[i], config));
        else if (keys[i].kind == FS_CONFIG_TEXTS)
            fs_config_texts_dispose(fs_config_texts_field(&keys[i], config));
    }
    for (size_t i = 0; i < config->strategy_option_count; i++) {
        free(config->strategy_options[i].name);
        free(config->strategy_options[i].value);
    }
    free(config->strategy_options);
    fs_config_products_dispose(config->products, config->product_count);
    free(config->source);
    free(config);
}

static bool texts_are_same(const struct fs_config_texts *a, const struct fs_config_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static bool products_are_same(const struct fs_config *a, const struct fs_config *b)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_product_keys(&count);

    if (a->product_count != b->product_count)
        return false;
    for (size_t i = 0; i < a->product_count; i++) {
        if (strcmp(a->products[i].id, b->products[i].id) != 0)
            return false;
        for (size_t j = 0; j < count; j++)
            if (fs_config_kind_is_number(keys[j].kind) &&
                fs_config_number_get(&keys[j], &a->products[i]) !=
                    fs_config_number_get(&keys[j], &b->products[i]))
                return false;
    }
    return true;
}

static bool options_are_same(const struct fs_config *a, const struct fs_config *b)
{
    if (a->strategy_option_count != b->strategy_option_count)
        return false;
    for (size_t i = 0; i < a->strategy_option_count; i++)
        if (strcmp(a->strategy_options[i].name, b->strategy_options[i].name) != 0 ||
            strcmp(a->strategy_options[i].value, b->strategy_options[i].value) != 0)
            return false;
    return true;
}

bool fs_config_same(const struct fs_config_key *key, const struct fs_config *a,
                    const struct fs_config *b)
{
    const void *a_field = (const char *)a + key->offset, *b_field = (const char *)b + key->offset;

    switch (key->kind) {
    case FS_CONFIG_OPTIONS:
        return options_are_same(a, b);
    case FS_CONFIG_PRODUCTS:
        return products_are_same(a, b);
    case FS_CONFIG_TEXTS:
        return texts_are_same(a_field, b_field);
    case FS_CONFIG_TEXT:
    case FS_CONFIG_SECRET:
        return strcmp(*(char *const *)a_field, *(char *const *)b_field) == 0;
    default:
        return fs_config_number_get(key, a) == fs_config_number_get(key, b);
    }
}
