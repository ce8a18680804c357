/* CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: by the processor where it can, else by table. */
#ifndef FS_V1_CRC32C_H
#define FS_V1_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t fs_v1_crc32c(const void *data, size_t len); /* [any] */

/* The same by table; for tests to compare.  [any] */
uint32_t fs_v1_crc32c_portable(const void *data, size_t len);

#endif
