/* Small files of /proc and /sys. */
#ifndef FS_DOCTOR_FILE_H
#define FS_DOCTOR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads root + path, NUL-terminated, without a newline at the end; longer files are cut.  Returns
 * whether there was something to read. */
bool fs_doctor_read(const char *root, const char *path, char *text, size_t size);

/* The number that the file begins with. */
bool fs_doctor_read_number(const char *root, const char *path, int64_t *number);

/* The first count numbers of the file, apart by blanks; false when there are fewer. */
bool fs_doctor_read_numbers(const char *root, const char *path, int64_t *numbers, size_t count);

/* The number after "name:" in a file of such lines, as /proc/meminfo is. */
bool fs_doctor_read_field(const char *root, const char *path, const char *name, int64_t *number);

#endif
