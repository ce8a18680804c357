/* Snapshots: the rows as they stand in the file, and moving them in and out of the ledger's tables.
 * Rows are in the order of slots, so that a loaded ledger has every entry in the slot it had. */
#include "snapshot.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "limits.h"

#define SNAPSHOT_VERSION 1u
#define BUFFER_SIZE (1u << 20)

enum row_kind { ROW_HEADER = 1, ROW_SALE, ROW_BUYER, ROW_ORDER };

/* Each row begins with these. */
struct row_head {
    uint32_t checksum; /* CRC-32C of the row behind this field */
    uint32_t slot;     /* counts up from 0 within its kind */
    uint32_t kind;
    uint32_t text_len;
};

struct header_row {
    struct row_head head;
    char title[32];
    uint64_t number;
    uint64_t position;
    uint32_t version;
    uint32_t sale_count;
    uint32_t buyer_count;
    uint32_t order_count;
    char reserved[48];
};

struct sale_row {
    struct row_head head;
    uint64_t epoch, sequence;
    uint64_t units_initial, units_restocked, units_left, units_sold;
    uint64_t units_per_buyer_max, units_per_order_max;
    uint64_t opens_at_ms, closes_at_ms;
    uint32_t state;
    uint32_t reserved[7];
    char product[FS_PRODUCT_LEN_MAX];
};

struct buyer_row {
    struct row_head head;
    uint64_t epoch, units;
    uint32_t sale;
    uint32_t reserved[3];
    char name[FS_BUYER_LEN_MAX];
};

struct order_row {
    struct row_head head;
    uint64_t epoch, sequence, cancel_sequence;
    uint64_t units_left, made_at_ms, cancelled_at_ms, digest;
    uint32_t units, buyer, sale, entry;
    uint64_t reserved;
    char name[FS_ORDER_LEN_MAX];
};

_Static_assert(sizeof(struct header_row) == 128, "the format has no hidden gaps");
_Static_assert(sizeof(struct sale_row) == 192, "the format has no hidden gaps");
_Static_assert(sizeof(struct buyer_row) == 144, "the format has no hidden gaps");
_Static_assert(sizeof(struct order_row) == 128, "the format has no hidden gaps");

/* The file while it is written or read, through a buffer. */
struct stream {
    const struct fs_v1_folder *folder;
    const char *name;
    int fd;
    char *buffer; /* owned */
    size_t used;  /* bytes in the buffer */
    size_t at;    /* of them, how many were read */
    off_t offset; /* in the file, behind the buffer when reading */
};

static void flush(struct stream *stream)
{
    fs_v1_folder_write(stream->folder, stream->name, stream->fd, stream->buffer, stream->used,
                       stream->offset);
    stream->offset += (off_t)stream->used;
    stream->used = 0;
}

static void put_row(struct stream *stream, enum row_kind kind, uint32_t slot, size_t text_len,
                    struct row_head *head, size_t size)
{
    head->slot = htole32(slot);
    head->kind = htole32((uint32_t)kind);
    head->text_len = htole32((uint32_t)text_len);
    head->checksum =
        htole32(fs_v1_crc32c((char *)head + sizeof(head->checksum), size - sizeof(head->checksum)));
    if (stream->used + size > BUFFER_SIZE)
        flush(stream);
    memcpy(stream->buffer + stream->used, head, size);
    stream->used += size;
}

/* False: this row is not in the file as it was written. */
static bool get_row(struct stream *stream, enum row_kind kind, uint32_t slot, size_t text_len_max,
                    struct row_head *head, size_t size)
{
    if (stream->used - stream->at < size) {
        ssize_t got;

        memmove(stream->buffer, stream->buffer + stream->at, stream->used - stream->at);
        stream->used -= stream->at;
        stream->at = 0;
        got = fs_v1_folder_read(stream->fd, stream->buffer + stream->used,
                                BUFFER_SIZE - stream->used, stream->offset);
        if (got < 0)
            return false;
        stream->used += (size_t)got;
        stream->offset += got;
        if (stream->used < size)
            return false;
    }
    memcpy(head, stream->buffer + stream->at, size);
    stream->at += size;
    return le32toh(head->checksum) ==
               fs_v1_crc32c((char *)head + sizeof(head->checksum), size - sizeof(head->checksum)) &&
           le32toh(head->kind) == (uint32_t)kind && le32toh(head->slot) == slot &&
           le32toh(head->text_len) <= text_len_max;
}

static void put_sale(struct stream *stream, const struct fs_v1_sale *sale, uint32_t slot)
{
    struct sale_row row = {
        .epoch = htole64(sale->epoch),
        .sequence = htole64(sale->sequence),
        .units_initial = htole64((uint64_t)sale->units_initial),
        .units_restocked = htole64((uint64_t)sale->units_restocked),
        .units_left = htole64((uint64_t)sale->units_left),
        .units_sold = htole64((uint64_t)sale->units_sold),
        .units_per_buyer_max = htole64((uint64_t)sale->units_per_buyer_max),
        .units_per_order_max = htole64((uint64_t)sale->units_per_order_max),
        .opens_at_ms = htole64((uint64_t)sale->opens_at_ms),
        .closes_at_ms = htole64((uint64_t)sale->closes_at_ms),
        .state = htole32((uint32_t)sale->state),
    };

    memcpy(row.product, sale->product, sizeof(row.product));
    put_row(stream, ROW_SALE, slot, sale->product_len, &row.head, sizeof(row));
}

static bool get_sale(struct stream *stream, struct fs_v1_ledger *ledger, uint32_t slot)
{
    struct sale_row row;
    struct fs_v1_query query = {0};
    struct fs_v1_sale *sale;

    if (!get_row(stream, ROW_SALE, slot, sizeof(row.product), &row.head, sizeof(row)))
        return false;
    query.product = (struct fs_text){row.product, le32toh(row.head.text_len)};
    fs_v1_ledger_hash(ledger, &query);
    sale = &ledger->sales[fs_v1_ledger_add_sale(ledger, query.product_hash, query.product)];
    sale->epoch = le64toh(row.epoch);
    sale->sequence = le64toh(row.sequence);
    sale->units_initial = (int64_t)le64toh(row.units_initial);
    sale->units_restocked = (int64_t)le64toh(row.units_restocked);
    sale->units_left = (int64_t)le64toh(row.units_left);
    sale->units_sold = (int64_t)le64toh(row.units_sold);
    sale->units_per_buyer_max = (int64_t)le64toh(row.units_per_buyer_max);
    sale->units_per_order_max = (int64_t)le64toh(row.units_per_order_max);
    sale->opens_at_ms = (int64_t)le64toh(row.opens_at_ms);
    sale->closes_at_ms = (int64_t)le64toh(row.closes_at_ms);
    sale->state = (enum fs_sale_state)le32toh(row.state);
    return sale->state >= FS_SALE_OPEN && sale->state <= FS_SALE_CLOSED;
}

static void put_buyer(struct stream *stream, const struct fs_v1_buyer *buyer, uint32_t slot)
{
    struct buyer_row row = {
        .epoch = htole64(buyer->epoch),
        .units = htole64((uint64_t)buyer->units),
        .sale = htole32(buyer->sale),
    };

    memcpy(row.name, buyer->name, sizeof(row.name));
    put_row(stream, ROW_BUYER, slot, buyer->name_len, &row.head, sizeof(row));
}

static bool get_buyer(struct stream *stream, struct fs_v1_ledger *ledger, uint32_t slot)
{
    struct buyer_row row;
    struct fs_v1_query query = {0};
    const struct fs_v1_sale *sale;
    struct fs_v1_buyer *buyer;

    if (!get_row(stream, ROW_BUYER, slot, sizeof(row.name), &row.head, sizeof(row)) ||
        le32toh(row.sale) >= ledger->sale_count)
        return false;
    sale = &ledger->sales[le32toh(row.sale)];
    query.product = (struct fs_text){sale->product, sale->product_len};
    query.buyer = (struct fs_text){row.name, le32toh(row.head.text_len)};
    fs_v1_ledger_hash(ledger, &query);
    slot = fs_v1_ledger_add_buyer(ledger, query.buyer_hash, le32toh(row.sale), query.buyer);
    buyer = &ledger->buyers[slot];
    buyer->epoch = le64toh(row.epoch);
    buyer->units = (int64_t)le64toh(row.units);
    return true;
}

static void put_order(struct stream *stream, const struct fs_v1_order *order, uint32_t slot)
{
    struct order_row row = {
        .epoch = htole64(order->epoch),
        .sequence = htole64(order->sequence),
        .cancel_sequence = htole64(order->cancel_sequence),
        .units_left = htole64((uint64_t)order->units_left),
        .made_at_ms = htole64((uint64_t)order->made_at_ms),
        .cancelled_at_ms = htole64((uint64_t)order->cancelled_at_ms),
        .digest = htole64(order->digest),
        .units = htole32(order->units),
        .buyer = htole32(order->buyer),
        .sale = htole32(order->sale),
        .entry = htole32(order->entry),
    };

    memcpy(row.name, order->name, sizeof(row.name));
    put_row(stream, ROW_ORDER, slot, order->name_len, &row.head, sizeof(row));
}

static bool get_order(struct stream *stream, struct fs_v1_ledger *ledger, uint32_t slot)
{
    struct order_row row;
    struct fs_v1_query query = {0};
    struct fs_v1_order *order;
    uint32_t entry;
    bool has_buyer;

    if (!get_row(stream, ROW_ORDER, slot, sizeof(row.name), &row.head, sizeof(row)))
        return false;
    entry = le32toh(row.entry);
    has_buyer = le32toh(row.buyer) < ledger->buyer_count;
    if (entry < FS_V1_ENTRY_SOLD || entry > FS_V1_ENTRY_CHANGE || row.head.text_len == 0 ||
        le32toh(row.sale) >= ledger->sale_count || has_buyer == (entry == FS_V1_ENTRY_CHANGE))
        return false;
    query.order = (struct fs_text){row.name, le32toh(row.head.text_len)};
    fs_v1_ledger_hash(ledger, &query);
    order = &ledger->orders[fs_v1_ledger_add_order(ledger, query.order_hash, query.order)];
    order->epoch = le64toh(row.epoch);
    order->sequence = le64toh(row.sequence);
    order->cancel_sequence = le64toh(row.cancel_sequence);
    order->units_left = (int64_t)le64toh(row.units_left);
    order->made_at_ms = (int64_t)le64toh(row.made_at_ms);
    order->cancelled_at_ms = (int64_t)le64toh(row.cancelled_at_ms);
    order->digest = le64toh(row.digest);
    order->units = le32toh(row.units);
    order->buyer = le32toh(row.buyer);
    order->sale = (uint16_t)le32toh(row.sale);
    order->entry = (uint8_t)entry;
    return true;
}

static const char title[32] = "flashsale v1 snapshot";

static void put_all(struct stream *stream, uint64_t number, const struct fs_v1_ledger *ledger,
                    uint64_t position)
{
    struct header_row header = {
        .number = htole64(number),
        .position = htole64(position),
        .version = htole32(SNAPSHOT_VERSION),
        .sale_count = htole32(ledger->sale_count),
        .buyer_count = htole32(ledger->buyer_count),
        .order_count = htole32(ledger->order_count),
    };

    memcpy(header.title, title, sizeof(title));
    put_row(stream, ROW_HEADER, 0, 0, &header.head, sizeof(header));
    for (uint32_t i = 0; i < ledger->sale_count; i++)
        put_sale(stream, &ledger->sales[i], i);
    for (uint32_t i = 0; i < ledger->buyer_count; i++)
        put_buyer(stream, &ledger->buyers[i], i);
    for (uint32_t i = 0; i < ledger->order_count; i++)
        put_order(stream, &ledger->orders[i], i);
    flush(stream);
}

/* Returns NULL or what is wrong. */
static const char *get_all(struct stream *stream, uint64_t number, struct fs_v1_ledger *ledger,
                           uint64_t *position)
{
    struct header_row header;
    uint32_t sales, buyers, orders;

    if (!get_row(stream, ROW_HEADER, 0, 0, &header.head, sizeof(header)) ||
        memcmp(header.title, title, sizeof(title)) != 0 || le64toh(header.number) != number)
        return "its header is damaged";
    if (le32toh(header.version) != SNAPSHOT_VERSION)
        return "it is of another version of the format";
    sales = le32toh(header.sale_count);
    buyers = le32toh(header.buyer_count);
    orders = le32toh(header.order_count);
    if (sales > ledger->sales_max || orders > ledger->orders_max || buyers > ledger->orders_max)
        return "it holds more than orders_max or sales_max: raise the option";
    for (uint32_t i = 0; i < sales; i++)
        if (!get_sale(stream, ledger, i))
            return "the row of a sale is damaged";
    for (uint32_t i = 0; i < buyers; i++)
        if (!get_buyer(stream, ledger, i))
            return "the row of a buyer is damaged";
    for (uint32_t i = 0; i < orders; i++)
        if (!get_order(stream, ledger, i))
            return "the row of an order is damaged";
    *position = le64toh(header.position);
    if (stream->at != stream->used ||
        fs_v1_folder_read(stream->fd, stream->buffer, 1, stream->offset) != 0)
        return "something follows its last row";
    return NULL;
}

int fs_v1_snapshot_write(const struct fs_v1_folder *folder, uint64_t number,
                         const struct fs_v1_ledger *ledger, uint64_t position)
{
    struct stream stream = {.folder = folder, .name = FS_V1_SNAPSHOT_TMP};
    struct fs_v1_files *files = folder->files;
    char name[FS_V1_NAME_MAX];

    stream.buffer = fs_v1_reserve(BUFFER_SIZE);
    if (!stream.buffer)
        return -ENOMEM;
    if (files->unlink(files, folder->fd, FS_V1_SNAPSHOT_TMP) != 0 && errno != ENOENT)
        fs_v1_folder_fail(folder, "the removal", FS_V1_SNAPSHOT_TMP, errno);
    stream.fd = files->create(files, folder->fd, FS_V1_SNAPSHOT_TMP);
    if (stream.fd < 0)
        fs_v1_folder_fail(folder, "the creation", FS_V1_SNAPSHOT_TMP, errno);
    put_all(&stream, number, ledger, position);
    fs_v1_folder_sync(folder, FS_V1_SNAPSHOT_TMP, stream.fd);
    close(stream.fd);
    fs_v1_release(stream.buffer, BUFFER_SIZE);
    fs_v1_snapshot_name(name, number);
    if (files->rename(files, folder->fd, FS_V1_SNAPSHOT_TMP, name) != 0)
        fs_v1_folder_fail(folder, "the renaming", FS_V1_SNAPSHOT_TMP, errno);
    fs_v1_folder_sync(folder, "the journal's folder", folder->fd);
    return 0;
}

int fs_v1_snapshot_load(const struct fs_v1_folder *folder, uint64_t number,
                        struct fs_v1_ledger *ledger, uint64_t *position)
{
    struct stream stream = {.folder = folder};
    const struct fs_host *host = folder->host;
    char name[FS_V1_NAME_MAX];
    const char *problem;

    fs_v1_snapshot_name(name, number);
    stream.fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
    if (stream.fd < 0) {
        int error = -errno;

        host->log(host, FS_LOG_ERROR, "v1: cannot open %s: %s", name, strerror(-error));
        return error;
    }
    stream.buffer = fs_v1_reserve(BUFFER_SIZE);
    problem = stream.buffer ? get_all(&stream, number, ledger, position) : "there is no memory";
    fs_v1_release(stream.buffer, BUFFER_SIZE);
    close(stream.fd);
    if (!problem)
        return 0;
    host->log(host, FS_LOG_ERROR,
              "v1: %s cannot be used: %s; nothing was changed, restore the file from a copy", name,
              problem);
    return -EBADMSG;
}
