/* libcurl as the audit uses it: HTTP only, no proxy, no signals, bounded in time and size. */
#include "audit/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000l
#define ANSWER_LEN_MAX 16777216u /* bytes */

struct fs_asker {
    CURL *curl;
    struct curl_slist *headers; /* NULL: none */
    struct fs_answer_text text;
    char base[FS_ASK_BASE_SIZE];
};

void fs_answer_text_dispose(struct fs_answer_text *text)
{
    free(text->data);
    *text = (struct fs_answer_text){0};
}

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
    struct fs_answer_text *text = user;
    size_t len = size * count;
    char *grown;

    if (text->len + len > ANSWER_LEN_MAX)
        return 0;
    grown = realloc(text->data, text->len + len + 1);
    if (!grown)
        return 0;
    memcpy(grown + text->len, data, len);
    text->data = grown;
    text->len += len;
    text->data[text->len] = '\0';
    return len;
}

void fs_ask_configure(CURL *curl, const char *host, uint16_t port, char base[FS_ASK_BASE_SIZE])
{
    if (port == 0) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, host);
        snprintf(base, FS_ASK_BASE_SIZE, "http://localhost");
    } else {
        snprintf(base, FS_ASK_BASE_SIZE, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u",
                 host, (unsigned)port);
    }
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1l);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1l);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
}

void fs_ask_into(CURL *curl, struct fs_answer_text *text)
{
    text->len = 0;
    if (text->data)
        text->data[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
}

int fs_asker_create(const char *host, uint16_t port, const char *token, struct fs_asker **asker)
{
    struct fs_asker *new = calloc(1, sizeof(*new));
    char line[512];

    if (!new)
        return -ENOMEM;
    new->curl = curl_easy_init();
    if (!new->curl)
        goto free_new;
    if (token[0] != '\0') {
        snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
        new->headers = curl_slist_append(NULL, line);
        explicit_bzero(line, sizeof(line));
        if (!new->headers)
            goto cleanup_curl;
    }
    fs_ask_configure(new->curl, host, port, new->base);
    curl_easy_setopt(new->curl, CURLOPT_HTTPHEADER, new->headers);
    *asker = new;
    return 0;

cleanup_curl:
    curl_easy_cleanup(new->curl);
free_new:
    free(new);
    return -ENOMEM;
}

void fs_asker_destroy(struct fs_asker *asker)
{
    if (!asker)
        return;
    curl_easy_cleanup(asker->curl);
    curl_slist_free_all(asker->headers);
    fs_answer_text_dispose(&asker->text);
    free(asker);
}

long fs_asker_get(struct fs_asker *asker, const char *path, const struct fs_answer_text **text,
                  char *problem, size_t problem_size)
{
    char url[FS_ASK_BASE_SIZE + 512];
    CURLcode code;
    long status = 0;

    snprintf(url, sizeof(url), "%s%s", asker->base, path);
    curl_easy_setopt(asker->curl, CURLOPT_URL, url);
    fs_ask_into(asker->curl, &asker->text);
    code = curl_easy_perform(asker->curl);
    if (code != CURLE_OK) {
        snprintf(problem, problem_size, "GET %s: %s", url, curl_easy_strerror(code));
        return 0;
    }
    curl_easy_getinfo(asker->curl, CURLINFO_RESPONSE_CODE, &status);
    *text = &asker->text;
    return status;
}
