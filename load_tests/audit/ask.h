/* One question after the other over HTTP, by libcurl. */
#ifndef FS_AUDIT_ASK_H
#define FS_AUDIT_ASK_H

#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

struct fs_answer_text {
    char *data; /* owned; NUL-terminated once anything came; NULL: nothing did */
    size_t len;
};

void fs_answer_text_dispose(struct fs_answer_text *text);

/* Prepares a handle for a server: address and limits; host is the path of a unix socket when port is
 * 0.  base: "http://127.0.0.1:8001". */
#define FS_ASK_BASE_SIZE 300
void fs_ask_configure(CURL *curl, const char *host, uint16_t port, char base[FS_ASK_BASE_SIZE]);

/* What the handle reads goes into text, which is emptied. */
void fs_ask_into(CURL *curl, struct fs_answer_text *text);

struct fs_asker;

/* token: empty for none.  Returns 0 or -ENOMEM. */
int fs_asker_create(const char *host, uint16_t port, const char *token, struct fs_asker **asker);
void fs_asker_destroy(struct fs_asker *asker); /* NULL is fine */

/* GET.  *text is borrowed until the next question.  Returns the HTTP status, or 0 with a sentence in
 * problem when no answer came. */
long fs_asker_get(struct fs_asker *asker, const char *path, const struct fs_answer_text **text,
                  char *problem, size_t problem_size);

#endif
