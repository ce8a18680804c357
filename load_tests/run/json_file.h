/* JSON as a whole file. */
#ifndef FS_BENCH_JSON_FILE_H
#define FS_BENCH_JSON_FILE_H

#include <jansson.h>

/* An integer where it is one, else a real; null for NaN and infinity, which JSON does not have. */
json_t *fs_json_number(double value);

/* Writes and gives up value.  Returns 0, -ENOMEM (value is NULL) or an errno of the file. */
int fs_json_write(const char *folder, const char *name, json_t *value);

#endif
