/* Request bodies: JSON objects with known members.
 *
 * Any Content-Type is taken: the contract knows no 415, and a body is judged by what it is. */
#ifndef FS_HTTP_BODY_H
#define FS_HTTP_BODY_H

#include <jansson.h>

#include "base/text.h"

/* Room for any detail that these write, bytes. */
#define FS_BODY_DETAIL_SIZE 256

/* Reads {"quantity": n}, n from 1 to quantity_max.  Returns 0; -EINVAL with a sentence in detail,
 * *quantity is then untouched.  Allocates only where the body is unusual.  [loop] */
int fs_body_read_quantity(struct fs_text body, uint32_t quantity_max, uint32_t *quantity,
                          struct fs_buffer *detail);

/* The two halves of it, for the tests that hold them against each other.  Scan knows the plain form,
 * without escapes, signs, fractions or further members: -ENOENT means "not plain", and says nothing
 * of whether it is right.  Parse knows all of JSON.  Both give any integer, in or out of range. */
int fs_body_scan_quantity(struct fs_text body, int64_t *quantity);
int fs_body_parse_quantity(struct fs_text body, int64_t *quantity, struct fs_buffer *detail);

/* Parses an object whose members are all among names (NULL-ended list).  Returns 0 and *object, to
 * be released by json_decref(); -EINVAL with a sentence in detail.  [any] */
int fs_body_load(struct fs_text body, const char *const *names, json_t **object,
                 struct fs_buffer *detail);

/* A member that must be a text of 1 to len_max bytes; *text is borrowed from object.
 * Returns 0 or -EINVAL with a sentence in detail. */
int fs_body_text(const json_t *object, const char *name, size_t len_max, struct fs_text *text,
                 struct fs_buffer *detail);

#endif
