/* Reads what an operator wants of a sale.  Each field that is not there stays as it is; null for a
 * time means "no such bound". */
#include "http/change_body.h"

#include <errno.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/body.h"
#include "purchase/purchase.h"

/* least: 0, or the negative of the largest. */
static int read_integer(const json_t *object, const char *name, int64_t least, int64_t *units,
                        struct fs_buffer *detail)
{
    const json_t *value = json_object_get(object, name);
    json_int_t integer = json_integer_value(value);

    if (!value)
        return 0;
    if (!json_is_integer(value) || integer < least || integer > FS_UNITS_MAX) {
        fs_buffer_add_format(detail, "The field \"%s\" must be an integer from %lld to %lld.", name,
                             (long long)least, (long long)FS_UNITS_MAX);
        return -EINVAL;
    }
    *units = integer;
    return 0;
}

static int read_units(const json_t *object, const char *name, int64_t *units,
                      struct fs_buffer *detail)
{
    return read_integer(object, name, 0, units, detail);
}

static int read_time(const json_t *object, const char *name, int64_t *unix_ms,
                     struct fs_buffer *detail)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return 0;
    if (json_is_null(value)) {
        *unix_ms = 0;
        return 0;
    }
    if (!json_is_string(value) ||
        fs_clock_parse(json_string_value(value), json_string_length(value), unix_ms) != 0 ||
        *unix_ms <= FS_SALE_DELETED_MS) {
        fs_buffer_add_format(
            detail, "The field \"%s\" must be a time such as \"2026-11-27T00:00:00Z\", or null.",
            name);
        return -EINVAL;
    }
    return 0;
}

static int read_state(const json_t *object, int32_t *state, struct fs_buffer *detail)
{
    const json_t *value = json_object_get(object, "state");
    struct fs_text text;

    if (!value)
        return 0;
    text = (struct fs_text){json_string_value(value), json_string_length(value)};
    if (json_is_string(value) && fs_text_equals(text, FS_TEXT("open")))
        *state = FS_SALE_OPEN;
    else if (json_is_string(value) && fs_text_equals(text, FS_TEXT("paused")))
        *state = FS_SALE_PAUSED;
    else if (json_is_string(value) && fs_text_equals(text, FS_TEXT("closed")))
        *state = FS_SALE_CLOSED;
    else {
        fs_buffer_add(detail, FS_TEXT("The field \"state\" must be \"open\", \"paused\" or "
                                      "\"closed\"."));
        return -EINVAL;
    }
    return 0;
}

static int read_kind(const json_t *object, bool is_put, enum fs_change_kind *kind,
                     struct fs_buffer *detail)
{
    const json_t *value = json_object_get(object, "reset");

    *kind = is_put ? FS_CHANGE_CREATE : FS_CHANGE_UPDATE;
    if (!value)
        return 0;
    if (!json_is_boolean(value)) {
        fs_buffer_add(detail, FS_TEXT("The field \"reset\" must be true or false."));
        return -EINVAL;
    }
    if (json_is_true(value))
        *kind = FS_CHANGE_RESET;
    return 0;
}

static int read_fields(const json_t *object, bool is_put, struct fs_sale_change *change,
                       struct fs_buffer *detail)
{
    if (read_kind(object, is_put, &change->kind, detail) != 0 ||
        read_units(object, "stock", &change->units_reset, detail) != 0 ||
        read_integer(object, "add", -FS_UNITS_MAX, &change->units_add, detail) != 0 ||
        read_units(object, "per_user_max", &change->units_per_buyer_max, detail) != 0 ||
        read_units(object, "max_quantity", &change->units_per_order_max, detail) != 0 ||
        read_time(object, "opens_at", &change->opens_at_ms, detail) != 0 ||
        read_time(object, "closes_at", &change->closes_at_ms, detail) != 0 ||
        read_state(object, &change->state, detail) != 0)
        return -EINVAL;
    if (is_put && change->units_reset < 0) {
        fs_buffer_add(detail, FS_TEXT("The field \"stock\" is missing."));
        return -EINVAL;
    }
    if (json_object_size(object) == 0) {
        fs_buffer_add(detail, FS_TEXT("The body names nothing to change."));
        return -EINVAL;
    }
    if (change->opens_at_ms > 0 && change->closes_at_ms > 0 &&
        change->closes_at_ms <= change->opens_at_ms) {
        fs_buffer_add(detail, FS_TEXT("The field \"closes_at\" must be later than \"opens_at\"."));
        return -EINVAL;
    }
    return 0;
}

int fs_change_body_read(struct fs_text body, bool is_put, struct fs_sale_change *change,
                        struct fs_buffer *detail)
{
    static const char *const put_names[] = {"stock",     "per_user_max", "max_quantity", "opens_at",
                                            "closes_at", "state",        "reset",        NULL};
    static const char *const patch_names[] = {
        "add", "per_user_max", "max_quantity", "opens_at", "closes_at", "state", NULL};
    json_t *object;
    int error;

    *change = (struct fs_sale_change){.units_reset = -1,
                                      .units_per_buyer_max = -1,
                                      .units_per_order_max = -1,
                                      .opens_at_ms = -1,
                                      .closes_at_ms = -1,
                                      .state = -1};
    if (fs_body_load(body, is_put ? put_names : patch_names, &object, detail) != 0)
        return -EINVAL;
    error = read_fields(object, is_put, change, detail);
    json_decref(object);
    return error;
}
