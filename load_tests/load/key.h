/* The idempotency keys of a run.
 *
 * The engine sends them; resolving an unknown answer computes the order's id from them, since the
 * server makes it from buyer and key alone.  All have one length, so that a request is made by
 * overwriting the digits.  run differs between runs, also of one seed: against a server that is
 * still up the second run would else be answered with the first one's orders. */
#ifndef FS_BENCH_KEY_H
#define FS_BENCH_KEY_H

#include <stddef.h>
#include <stdint.h>

#define FS_ATTEMPT_KEY_LEN 39u  /* "bench-<run>-<attempt>", 16 hexadecimal digits each */
#define FS_ATTEMPT_KEY_SIZE 40u /* with the NUL */

/* 16 lower-case hexadecimal digits; not NUL-terminated. */
static inline void fs_key_write_hex(char digits[16], uint64_t value)
{
    for (size_t i = 16; i-- > 0; value >>= 4)
        digits[i] = "0123456789abcdef"[value & 15];
}

static inline void fs_attempt_key(uint64_t run, uint64_t attempt, char key[FS_ATTEMPT_KEY_SIZE])
{
    static const char form[FS_ATTEMPT_KEY_SIZE] = "bench-0000000000000000-0000000000000000";

    for (size_t i = 0; i < FS_ATTEMPT_KEY_SIZE; i++)
        key[i] = form[i];
    fs_key_write_hex(key + 6, run);
    fs_key_write_hex(key + 23, attempt);
}

#endif
