/* One record of the journal: 256 bytes, little-endian, the same in the ring and in the file.
 *
 * The first record of each file is a header: sequence is the number of the file, units the version
 * of the format, position that of the record behind it. */
#ifndef FS_V1_RECORD_H
#define FS_V1_RECORD_H

#include <flashsale/strategy.h>

#define FS_V1_RECORD_SIZE 256u
#define FS_V1_RECORD_VERSION 1u

enum fs_v1_record_type {
    FS_V1_RECORD_HEADER = 1,
    FS_V1_RECORD_SOLD,
    FS_V1_RECORD_CANCELLED,
    FS_V1_RECORD_CHANGED
};

/* What a change asked for, as in struct fs_sale_change. */
struct fs_v1_terms {
    int64_t units_reset;
    int64_t units_add;
    int64_t units_per_buyer_max;
    int64_t units_per_order_max;
    int64_t opens_at_ms;
    int64_t closes_at_ms;
    int32_t state;
    int32_t kind; /* enum fs_change_kind */
};

struct fs_v1_record {
    uint32_t length;      /* FS_V1_RECORD_SIZE */
    uint32_t checksum;    /* CRC-32C of all that follows */
    uint64_t position;    /* in the journal, from 1 */
    uint64_t batch_first; /* position of the first record of the same write */
    uint64_t sequence;    /* of the sale, after this record */
    uint64_t epoch;       /* of the sale, after this record */
    int64_t time_ms;
    int64_t units_left; /* of the sale, after this record */
    uint32_t units;
    uint8_t type; /* enum fs_v1_record_type */
    uint8_t product_len;
    uint8_t buyer_len;
    uint8_t order_len;
    char product[FS_PRODUCT_LEN_MAX];
    char order[FS_ORDER_LEN_MAX]; /* or the name of the change */
    union {
        char buyer[FS_BUYER_LEN_MAX];
        struct fs_v1_terms terms;
    };
};

_Static_assert(sizeof(struct fs_v1_record) == FS_V1_RECORD_SIZE, "a record is 256 bytes");

/* Makes the record what goes to the file: byte order and checksum.  It is not read again. */
void fs_v1_record_seal(struct fs_v1_record *record);

/* Undoes seal().  False: these 256 bytes are no record; they may have been changed. */
bool fs_v1_record_unseal(struct fs_v1_record *record);

/* A whole record of a known type, with lengths in their bounds, still sealed? */
bool fs_v1_record_is_sealed(const struct fs_v1_record *record);

static inline struct fs_text fs_v1_record_product(const struct fs_v1_record *record)
{
    return (struct fs_text){record->product, record->product_len};
}

static inline struct fs_text fs_v1_record_order(const struct fs_v1_record *record)
{
    return (struct fs_text){record->order, record->order_len};
}

static inline struct fs_text fs_v1_record_buyer(const struct fs_v1_record *record)
{
    return (struct fs_text){record->buyer, record->buyer_len};
}

#endif
