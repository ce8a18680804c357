/* Memory of layers: lists of texts, products and options that are copied and freed as a whole. */
#include "config/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"

char *fs_config_text_copy(struct fs_text text)
{
    return strndup(text.len ? text.data : "", text.len);
}

int fs_config_texts_add(struct fs_config_texts *texts, struct fs_text text)
{
    char *copy = fs_config_text_copy(text);
    char **items = copy ? reallocarray(texts->items, texts->count + 1, sizeof(*items)) : NULL;

    if (!items) {
        free(copy);
        return -ENOMEM;
    }
    items[texts->count++] = copy;
    texts->items = items;
    return 0;
}

void fs_config_texts_dispose(struct fs_config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct fs_config_texts){NULL, 0};
}

int fs_config_texts_copy(const struct fs_config_texts *from, struct fs_config_texts *to)
{
    struct fs_config_texts copy = {NULL, 0};

    for (size_t i = 0; i < from->count; i++) {
        if (fs_config_texts_add(&copy, fs_text_of(from->items[i])) != 0) {
            fs_config_texts_dispose(&copy);
            return -ENOMEM;
        }
    }
    *to = copy;
    return 0;
}

int fs_config_products_add(struct fs_config_product **products, size_t *count,
                           const struct fs_config_product *product)
{
    struct fs_config_product *grown = reallocarray(*products, *count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    grown[(*count)++] = *product;
    *products = grown;
    return 0;
}

void fs_config_products_dispose(struct fs_config_product *products, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(products[i].id);
    free(products);
}

int fs_config_products_copy(const struct fs_config_product *from, size_t from_count,
                            struct fs_config_product **to, size_t *to_count)
{
    struct fs_config_product *copy = NULL;
    size_t count = 0;

    for (size_t i = 0; i < from_count; i++) {
        struct fs_config_product product = from[i];
        product.id = fs_config_text_copy(fs_text_of(from[i].id));
        if (!product.id || fs_config_products_add(&copy, &count, &product) != 0) {
            free(product.id);
            fs_config_products_dispose(copy, count);
            return -ENOMEM;
        }
    }
    *to = copy;
    *to_count = count;
    return 0;
}

void fs_config_entry_dispose(struct fs_config_entry *entry)
{
    free(entry->origin);
    fs_config_texts_dispose(&entry->texts);
    fs_config_products_dispose(entry->products, entry->product_count);
    memset(entry, 0, sizeof(*entry));
}

int fs_config_entry_copy(const struct fs_config_entry *from, struct fs_config_entry *to)
{
    struct fs_config_entry copy = {.line = from->line};

    if (from->origin && !(copy.origin = strdup(from->origin)))
        return -ENOMEM;
    if (fs_config_texts_copy(&from->texts, &copy.texts) != 0 ||
        fs_config_products_copy(from->products, from->product_count, &copy.products,
                                &copy.product_count) != 0) {
        fs_config_entry_dispose(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

static void option_dispose(struct fs_config_layer_option *option)
{
    free(option->name);
    free(option->value);
    free(option->origin);
}

int fs_config_layer_init(struct fs_config_layer *layer)
{
    size_t count;

    fs_config_keys(&count);
    memset(layer, 0, sizeof(*layer));
    layer->entries = calloc(count, sizeof(*layer->entries));
    return layer->entries ? 0 : -ENOMEM;
}

void fs_config_layer_dispose(struct fs_config_layer *layer)
{
    size_t count;

    fs_config_keys(&count);
    for (size_t i = 0; layer->entries && i < count; i++)
        fs_config_entry_dispose(&layer->entries[i]);
    free(layer->entries);
    for (size_t i = 0; i < layer->option_count; i++)
        option_dispose(&layer->options[i]);
    free(layer->options);
    memset(layer, 0, sizeof(*layer));
}

int fs_config_layer_copy(const struct fs_config_layer *from, struct fs_config_layer *to)
{
    struct fs_config_layer copy;
    size_t count;
    int rc = fs_config_layer_init(&copy);

    fs_config_keys(&count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = fs_config_entry_copy(&from->entries[i], &copy.entries[i]);
    for (size_t i = 0; rc == 0 && i < from->option_count; i++)
        rc = fs_config_layer_option_set(&copy, fs_text_of(from->options[i].name),
                                        fs_text_of(from->options[i].value), from->options[i].origin,
                                        from->options[i].line);
    if (rc != 0)
        fs_config_layer_dispose(&copy);
    else
        *to = copy;
    return rc;
}

static struct fs_config_layer_option *option_find(const struct fs_config_layer *layer,
                                                  struct fs_text name)
{
    for (size_t i = 0; i < layer->option_count; i++)
        if (fs_text_equals(name, fs_text_of(layer->options[i].name)))
            return &layer->options[i];
    return NULL;
}

const struct fs_config_layer_option *fs_config_layer_option(const struct fs_config_layer *layer,
                                                            struct fs_text name)
{
    return option_find(layer, name);
}

int fs_config_layer_option_set(struct fs_config_layer *layer, struct fs_text name,
                               struct fs_text value, const char *origin, size_t line)
{
    struct fs_config_layer_option *option = option_find(layer, name);
    struct fs_config_layer_option fresh = {fs_config_text_copy(name), fs_config_text_copy(value),
                                           strdup(origin), line};
    struct fs_config_layer_option *grown;

    if (!fresh.name || !fresh.value || !fresh.origin)
        goto dispose_fresh;
    if (option) {
        option_dispose(option);
        *option = fresh;
        return 0;
    }
    grown = reallocarray(layer->options, layer->option_count + 1, sizeof(*grown));
    if (!grown)
        goto dispose_fresh;
    grown[layer->option_count++] = fresh;
    layer->options = grown;
    return 0;

dispose_fresh:
    option_dispose(&fresh);
    return -ENOMEM;
}
