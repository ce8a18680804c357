/* Time: monotonic for durations, wall for what people read. */
#ifndef FS_BASE_CLOCK_H
#define FS_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Monotonic microseconds since an arbitrary start.  [any] */
uint64_t fs_clock_now_us(void);

/* Unix milliseconds.  [any] */
int64_t fs_clock_wall_ms(void);

/* Bytes that fs_clock_format() needs, with the NUL. */
#define FS_CLOCK_TEXT_SIZE 32

/* Writes unix_ms as RFC 3339 UTC with milliseconds, "2026-11-27T00:00:00.000Z", NUL-terminated.
 * Years 0000 to 9999; outside of them the nearest of these.  Returns the length without the NUL. */
size_t fs_clock_format(int64_t unix_ms, char text[FS_CLOCK_TEXT_SIZE]);

/* Reads an RFC 3339 date-time: "Z" or an offset, a fraction of any length (cut to milliseconds), "T"
 * or a space.  A leap second, :60 as the last of a month in UTC, is read as :59.999.
 * Returns 0, or -EINVAL and leaves *unix_ms alone. */
int fs_clock_parse(const char *text, size_t len, int64_t *unix_ms);

#endif
