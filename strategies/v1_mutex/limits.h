/* The limits of v1 in one place.  Those that users may move are options; their bounds are here. */
#ifndef FS_V1_LIMITS_H
#define FS_V1_LIMITS_H

#define FS_V1_ORDERS_MAX 16777216u    /* upper bound of orders_max */
#define FS_V1_ORDERS_DEFAULT 1000000u /* orders and named changes that are remembered */
#define FS_V1_SALES_MAX 4096u         /* upper bound and default of sales_max, with deleted ones */
#define FS_V1_SEGMENT_MIN (64u << 10) /* bytes of a journal file */
#define FS_V1_SEGMENT_MAX (1u << 30)
#define FS_V1_SEGMENT_DEFAULT (64u << 20)
#define FS_V1_RING_RECORDS 16384u      /* waiting for the disk; more answers FS_BUSY; 2^n */
#define FS_V1_BATCH_RECORDS_MAX 4096u  /* made durable by one write and one sync */
#define FS_V1_GATHER_SPAN_US 2000u     /* between the beginnings of two batches, at most */
#define FS_V1_GATHER_IDLE_US 600u      /* without a record, at most */
#define FS_V1_GATHER_IN_FLIGHT_MIN 16u /* fewer would only wait for each other */
#define FS_V1_GATHER_PERCENT 75u       /* of those in flight: the rest comes during the sync */
#define FS_V1_GATHER_RECORDS 256u      /* as many make a batch cheap enough */
#define FS_V1_ZEROED_AHEAD (1u << 20)  /* bytes of zeros written ahead of the records */
#define FS_V1_READ_SIZE (1u << 20)     /* bytes read at a time at start-up; 256 divides it */
#define FS_V1_PATH_MAX 4096u
#define FS_V1_UNITS_NOT_LEFT (-2)
#define FS_V1_UNITS_MAX ((int64_t)1 << 53) /* of a sale; exact in every JSON reader */

#endif
