/* Checks values one by one and keeps them in entries of a layer. */
#include "config/assign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/problem.h"
#include "config/value.h"

struct fs_config_product fs_config_product_default(void)
{
    struct fs_config_product product = {.id = NULL};
    struct fs_config_error error;
    size_t count;
    const struct fs_config_key *keys = fs_config_product_keys(&count);

    for (size_t i = 0; i < count; i++) {
        int64_t number = 0;
        if (keys[i].default_text[0] && fs_config_kind_is_number(keys[i].kind) &&
            fs_config_value_parse(&keys[i], fs_text_of(keys[i].default_text), "default", &number,
                                  &error) == 0)
            fs_config_number_put(&keys[i], &product, number);
    }
    return product;
}

int fs_config_assign_product(const struct fs_config_key *key, struct fs_config_entry *entry,
                             const struct fs_config_product *product, const char *where,
                             struct fs_config_error *error)
{
    for (size_t i = 0; i < entry->product_count; i++)
        if (strcmp(entry->products[i].id, product->id) == 0)
            return fs_config_fail(error, where, "'%s' has the product '%s' twice", key->path,
                                  product->id);
    if ((int64_t)entry->product_count >= key->max)
        return fs_config_fail(error, where, "'%s' has more than %" PRId64 " items", key->path,
                              key->max);
    if (fs_config_products_add(&entry->products, &entry->product_count, product) != 0)
        return fs_config_fail_memory(error);
    return 0;
}

/* "id" or "id:stock". */
static int assign_product_text(const struct fs_config_key *key, struct fs_config_entry *entry,
                               struct fs_text text, const char *where,
                               struct fs_config_error *error)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_product_keys(&count);
    const struct fs_config_key *id_key = &keys[0], *stock_key = &keys[1];
    const char *colon = memchr(text.data, ':', text.len);
    struct fs_text id = {text.data, colon ? (size_t)(colon - text.data) : text.len};
    struct fs_config_product product = fs_config_product_default();
    int64_t stock = product.stock, none;
    int rc = fs_config_value_parse(id_key, id, where, &none, error);

    if (rc == 0 && colon) {
        struct fs_text number = {colon + 1, text.len - id.len - 1};
        rc = fs_config_value_parse(stock_key, number, where, &stock, error);
    }
    if (rc != 0)
        return rc;
    product.stock = stock;
    product.id = fs_config_text_copy(id);
    if (!product.id)
        return fs_config_fail_memory(error);
    rc = fs_config_assign_product(key, entry, &product, where, error);
    if (rc != 0)
        free(product.id);
    return rc;
}

int fs_config_assign(const struct fs_config_key *key, struct fs_config_entry *entry,
                     struct fs_text text, const char *where, struct fs_config_error *error)
{
    int64_t number;
    int rc;

    if (key->kind == FS_CONFIG_PRODUCTS)
        return assign_product_text(key, entry, text, where, error);
    rc = fs_config_value_parse(key, text, where, &number, error);
    if (rc != 0)
        return rc;
    if (key->kind == FS_CONFIG_TEXTS && (int64_t)entry->texts.count >= key->max)
        return fs_config_fail(error, where, "'%s' has more than %" PRId64 " items", key->path,
                              key->max);
    return fs_config_texts_add(&entry->texts, text) == 0 ? 0 : fs_config_fail_memory(error);
}

static struct fs_text trim(struct fs_text text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Sentinels are parted by commas too: their item is whole once the primary's name has come. */
static bool goes_on(struct fs_text item)
{
    const char *places = memmem(item.data, item.len, "sentinel://", 11);

    return places && !memchr(places + 11, '/', item.len - (size_t)(places + 11 - item.data));
}

int fs_config_assign_all(const struct fs_config_key *key, struct fs_config_entry *entry,
                         struct fs_text text, const char *where, struct fs_config_error *error)
{
    struct fs_text rest = text;
    int rc = 0;

    if (key->kind != FS_CONFIG_TEXTS && key->kind != FS_CONFIG_PRODUCTS)
        return fs_config_assign(key, entry, text, where, error);
    if (trim(text).len == 0)
        return 0;
    while (rc == 0) {
        const char *comma = memchr(rest.data, ',', rest.len);
        struct fs_text item = {rest.data, comma ? (size_t)(comma - rest.data) : rest.len};

        while (comma && goes_on(item)) {
            comma = memchr(comma + 1, ',', rest.len - item.len - 1);
            item.len = comma ? (size_t)(comma - rest.data) : rest.len;
        }
        rc = fs_config_assign(key, entry, trim(item), where, error);
        if (!comma)
            break;
        rest.len -= item.len + 1;
        rest.data = comma + 1;
    }
    return rc;
}

int fs_config_assign_option(struct fs_config_layer *layer, struct fs_text name,
                            struct fs_text value, const char *where, const char *origin,
                            size_t line, struct fs_config_error *error)
{
    const struct fs_config_key *key = fs_config_key_find(FS_TEXT("strategy_options"));
    char shown[FS_CONFIG_SHOWN_SIZE];
    int64_t number;
    int rc;

    if (!fs_text_is_id(name, 64))
        return fs_config_fail(error, where,
                              "the name of an option in '%s' must be 1 to 64 of A-Z a-z 0-9 _ -, "
                              "not '%s'",
                              key->path, fs_config_show(name, shown));
    rc = fs_config_value_parse(key, value, where, &number, error);
    if (rc != 0)
        return rc;
    if (!fs_config_layer_option(layer, name) && (int64_t)layer->option_count >= key->max)
        return fs_config_fail(error, where, "'%s' has more than %" PRId64 " items", key->path,
                              key->max);
    if (fs_config_layer_option_set(layer, name, value, origin, line) != 0)
        return fs_config_fail_memory(error);
    return 0;
}
