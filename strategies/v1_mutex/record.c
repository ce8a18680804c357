/* Sealing records: the byte order of the file and its checksum. */
#include "record.h"

#include <endian.h>
#include <stddef.h>

#include "crc32c.h"

#define SEALED_FROM offsetof(struct fs_v1_record, position)

static uint32_t checksum(const struct fs_v1_record *record)
{
    return fs_v1_crc32c((const char *)record + SEALED_FROM, sizeof(*record) - SEALED_FROM);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

static void swap(struct fs_v1_record *record)
{
    (void)record; /* this machine's order is the file's */
}

#else

static void swap_terms(struct fs_v1_terms *terms)
{
    terms->units_reset = (int64_t)htole64((uint64_t)terms->units_reset);
    terms->units_add = (int64_t)htole64((uint64_t)terms->units_add);
    terms->units_per_buyer_max = (int64_t)htole64((uint64_t)terms->units_per_buyer_max);
    terms->units_per_order_max = (int64_t)htole64((uint64_t)terms->units_per_order_max);
    terms->opens_at_ms = (int64_t)htole64((uint64_t)terms->opens_at_ms);
    terms->closes_at_ms = (int64_t)htole64((uint64_t)terms->closes_at_ms);
    terms->state = (int32_t)htole32((uint32_t)terms->state);
    terms->kind = (int32_t)htole32((uint32_t)terms->kind);
}

static void swap(struct fs_v1_record *record)
{
    record->position = htole64(record->position);
    record->batch_first = htole64(record->batch_first);
    record->sequence = htole64(record->sequence);
    record->epoch = htole64(record->epoch);
    record->time_ms = (int64_t)htole64((uint64_t)record->time_ms);
    record->units_left = (int64_t)htole64((uint64_t)record->units_left);
    record->units = htole32(record->units);
    if (record->type == FS_V1_RECORD_CHANGED)
        swap_terms(&record->terms);
}

#endif

void fs_v1_record_seal(struct fs_v1_record *record)
{
    swap(record);
    record->length = htole32(FS_V1_RECORD_SIZE);
    record->checksum = htole32(checksum(record));
}

bool fs_v1_record_is_sealed(const struct fs_v1_record *record)
{
    return record->length == htole32(FS_V1_RECORD_SIZE) &&
           record->checksum == htole32(checksum(record)) && record->type >= FS_V1_RECORD_HEADER &&
           record->type <= FS_V1_RECORD_CHANGED && record->product_len <= FS_PRODUCT_LEN_MAX &&
           record->buyer_len <= FS_BUYER_LEN_MAX && record->order_len <= FS_ORDER_LEN_MAX;
}

bool fs_v1_record_unseal(struct fs_v1_record *record)
{
    if (!fs_v1_record_is_sealed(record))
        return false;
    swap(record);
    return true;
}
