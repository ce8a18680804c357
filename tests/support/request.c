/* Setting up what a test asks for. */
#include "support/driver.h"

#include <assert.h>
#include <string.h>

static void set_text(char *into, size_t size, const char *text)
{
    size_t len = strlen(text);

    assert(len < size);
    memcpy(into, text, len + 1);
}

void fs_request_purchase(struct fs_request *request, const char *product, const char *buyer,
                         const char *order, uint32_t units)
{
    request->kind = FS_OP_PURCHASE;
    set_text(request->product, sizeof(request->product), product);
    set_text(request->buyer, sizeof(request->buyer), buyer);
    set_text(request->order, sizeof(request->order), order);
    request->units = units;
}

void fs_request_ref(struct fs_request *request, enum fs_op_kind kind, const char *product,
                    const char *buyer, const char *order)
{
    fs_request_purchase(request, product, buyer, order, 0);
    request->kind = kind;
}

void fs_request_read(struct fs_request *request, enum fs_op_kind kind, const char *product)
{
    request->kind = kind;
    set_text(request->product, sizeof(request->product), product);
}

void fs_request_change(struct fs_request *request, enum fs_change_kind kind, const char *product,
                       int64_t units)
{
    request->kind = FS_OP_CHANGE;
    set_text(request->product, sizeof(request->product), product);
    request->change = (struct fs_sale_change){.kind = kind,
                                              .units_reset = kind == FS_CHANGE_UPDATE ? -1 : units,
                                              .units_add = kind == FS_CHANGE_UPDATE ? units : 0,
                                              .units_per_buyer_max = -1,
                                              .units_per_order_max = -1,
                                              .opens_at_ms = -1,
                                              .closes_at_ms = -1,
                                              .state = -1};
}
