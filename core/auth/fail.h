/* A failure in one line: the sentence for people and the code for the caller. */
#ifndef FS_AUTH_FAIL_H
#define FS_AUTH_FAIL_H

/* error: FS_AUTH_ERROR_SIZE bytes; a longer sentence is cut.  Returns code.  [any] */
int fs_auth_fail(char *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
