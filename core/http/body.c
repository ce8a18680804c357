/* Reads request bodies.  The body of a purchase is scanned in place when it has the plain form that
 * nearly every client sends; jansson judges everything else, and gives the reason of a refusal. */
#include "http/body.h"

#include <errno.h>

#include "base/limits.h"

static const char quantity_name[] = "quantity";

static size_t skip_blanks(struct fs_text body, size_t at)
{
    while (at < body.len && (body.data[at] == ' ' || body.data[at] == '\t' ||
                             body.data[at] == '\n' || body.data[at] == '\r'))
        at++;
    return at;
}

/* The place behind c, which may follow blanks; SIZE_MAX when it is not there. */
static size_t expect(struct fs_text body, size_t at, char c)
{
    if (at == SIZE_MAX)
        return SIZE_MAX;
    at = skip_blanks(body, at);
    return at < body.len && body.data[at] == c ? at + 1 : SIZE_MAX;
}

static size_t expect_name(struct fs_text body, size_t at)
{
    const struct fs_text name = FS_TEXT("\"quantity\"");

    if (at == SIZE_MAX)
        return SIZE_MAX;
    at = skip_blanks(body, at);
    if (body.len - at < name.len || memcmp(body.data + at, name.data, name.len) != 0)
        return SIZE_MAX;
    return at + name.len;
}

int fs_body_scan_quantity(struct fs_text body, int64_t *quantity)
{
    int64_t value = 0;
    size_t first, at;

    at = expect(body, expect_name(body, expect(body, 0, '{')), ':');
    if (at == SIZE_MAX)
        return -ENOENT;
    first = at = skip_blanks(body, at);
    while (at < body.len && at - first < 10 && body.data[at] >= '0' && body.data[at] <= '9')
        value = value * 10 + (body.data[at++] - '0');
    if (at == first || at - first == 10 || (body.data[first] == '0' && at - first > 1))
        return -ENOENT;
    at = expect(body, at, '}');
    if (at == SIZE_MAX || skip_blanks(body, at) != body.len)
        return -ENOENT;
    *quantity = value;
    return 0;
}

/* jansson's own sentence, with the place where it stopped. */
static void tell_syntax(const json_error_t *error, struct fs_buffer *detail)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        fs_buffer_add(detail, FS_TEXT("The body names a field twice."));
        break;
    case json_error_numeric_overflow:
        fs_buffer_add(detail, FS_TEXT("A number in the body is too large."));
        break;
    case json_error_end_of_input_expected:
        fs_buffer_add(detail, FS_TEXT("The body goes on behind its JSON."));
        break;
    default:
        fs_buffer_add_format(detail, "The body is not JSON: line %d, column %d.", error->line,
                             error->column);
    }
}

static void tell_unknown(const char *name, const char *const *names, struct fs_buffer *detail)
{
    struct fs_text given = fs_text_of(name);
    const char *nearest = NULL;
    size_t nearest_distance = 3;

    for (; *names; names++) {
        size_t distance = fs_text_distance(given, fs_text_of(*names));

        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = *names;
        }
    }
    fs_buffer_add_format(detail, "Unknown field \"%.40s\".", name);
    if (nearest)
        fs_buffer_add_format(detail, " Did you mean \"%s\"?", nearest);
}

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

int fs_body_load(struct fs_text body, const char *const *names, json_t **object,
                 struct fs_buffer *detail)
{
    json_error_t error;
    json_t *root, *value;
    const char *name;

    if (body.len == 0) {
        fs_buffer_add(detail, FS_TEXT("The request needs a JSON object as its body."));
        return -EINVAL;
    }
    if (memchr(body.data, '\0', body.len)) { /* between tokens jansson takes it for the end */
        fs_buffer_add(detail, FS_TEXT("The body is not JSON: it has a NUL byte."));
        return -EINVAL;
    }
    root = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root) {
        tell_syntax(&error, detail);
        return -EINVAL;
    }
    if (!json_is_object(root)) {
        fs_buffer_add(detail, FS_TEXT("The body is not a JSON object."));
        goto release_root;
    }
    json_object_foreach(root, name, value)
    {
        if (!is_among(name, names)) {
            tell_unknown(name, names, detail);
            goto release_root;
        }
    }
    *object = root;
    return 0;

release_root:
    json_decref(root);
    return -EINVAL;
}

int fs_body_text(const json_t *object, const char *name, size_t len_max, struct fs_text *text,
                 struct fs_buffer *detail)
{
    const json_t *value = json_object_get(object, name);

    if (!value) {
        fs_buffer_add_format(detail, "The field \"%s\" is missing.", name);
        return -EINVAL;
    }
    if (!json_is_string(value) || json_string_length(value) == 0 ||
        json_string_length(value) > len_max) {
        fs_buffer_add_format(detail, "The field \"%s\" must be a text of 1 to %zu bytes.", name,
                             len_max);
        return -EINVAL;
    }
    *text = (struct fs_text){json_string_value(value), json_string_length(value)};
    return 0;
}

int fs_body_parse_quantity(struct fs_text body, int64_t *quantity, struct fs_buffer *detail)
{
    static const char *const names[] = {quantity_name, NULL};
    json_t *object, *value;
    int result = -EINVAL;

    if (fs_body_load(body, names, &object, detail) != 0)
        return -EINVAL;
    value = json_object_get(object, quantity_name);
    if (!value) {
        fs_buffer_add(detail, FS_TEXT("The field \"quantity\" is missing."));
    } else if (!json_is_integer(value)) {
        fs_buffer_add(detail, FS_TEXT("The field \"quantity\" must be an integer."));
    } else {
        *quantity = json_integer_value(value);
        result = 0;
    }
    json_decref(object);
    return result;
}

int fs_body_read_quantity(struct fs_text body, uint32_t quantity_max, uint32_t *quantity,
                          struct fs_buffer *detail)
{
    int64_t value;

    if (fs_body_scan_quantity(body, &value) != 0 &&
        fs_body_parse_quantity(body, &value, detail) != 0)
        return -EINVAL;
    if (value < 1 || value > quantity_max) {
        fs_buffer_add_format(detail, "The field \"quantity\" must be an integer from 1 to %u.",
                             quantity_max);
        return -EINVAL;
    }
    *quantity = (uint32_t)value;
    return 0;
}
