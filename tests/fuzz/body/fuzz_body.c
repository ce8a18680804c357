/* Request bodies and heads of any bytes: the scanner agrees with the parser, what is accepted is in
 * bounds, and what is refused says why and changes nothing.
 *
 * Each input is read as every kind of body and as a head. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/body.h"
#include "http/change_body.h"
#include "http/framing.h"

#define QUANTITY_MAX 10u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_detail(int result, const struct fs_buffer *detail)
{
    assert(result == 0 || result == -EINVAL);
    assert((result == 0) == (detail->len == 0 && !detail->overflowed));
}

static void read_quantity(struct fs_text body)
{
    char text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(text, sizeof(text));
    int64_t scanned, parsed;
    uint32_t quantity = QUANTITY_MAX + 1;
    int result;

    if (fs_body_scan_quantity(body, &scanned) == 0) {
        result = fs_body_parse_quantity(body, &parsed, &detail);
        assert(result == 0 && parsed == scanned);
    }
    detail = fs_buffer_of(text, sizeof(text));
    result = fs_body_read_quantity(body, QUANTITY_MAX, &quantity, &detail);
    check_detail(result, &detail);
    assert((result == 0) == (quantity >= 1 && quantity <= QUANTITY_MAX));
}

static void read_change(struct fs_text body, bool is_put)
{
    char text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(text, sizeof(text));
    struct fs_sale_change change;
    int result = fs_change_body_read(body, is_put, &change, &detail);

    check_detail(result, &detail);
    if (result != 0)
        return;
    assert((change.kind == FS_CHANGE_UPDATE) == !is_put);
    assert((change.units_reset >= 0) == is_put && change.units_reset <= FS_UNITS_MAX);
    assert(change.units_add >= 0 && change.units_add <= FS_UNITS_MAX);
    assert(change.units_per_buyer_max >= -1 && change.units_per_order_max >= -1);
    assert(change.opens_at_ms >= -1 && change.closes_at_ms >= -1);
    assert(change.state == -1 || (change.state >= FS_SALE_OPEN && change.state <= FS_SALE_CLOSED));
}

static void read_login(struct fs_text body)
{
    static const char *const names[] = {"username", "password", NULL};
    char text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(text, sizeof(text));
    struct fs_text username;
    json_t *object;
    int result = fs_body_load(body, names, &object, &detail);

    check_detail(result, &detail);
    if (result != 0)
        return;
    result = fs_body_text(object, "username", FS_USERNAME_LEN_MAX, &username, &detail);
    check_detail(result, &detail);
    assert(result != 0 || (username.len >= 1 && username.len <= FS_USERNAME_LEN_MAX &&
                           !memchr(username.data, '\0', username.len)));
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs_text text = {(const char *)data, size};
    bool is_chunked;

    fs_framing_problem(text, &is_chunked);
    if (size > FS_BODY_LEN_MAX)
        return 0;
    read_quantity(text);
    read_change(text, true);
    read_change(text, false);
    read_login(text);
    return 0;
}
