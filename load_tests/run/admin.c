/* HTTP to the admin listener by libcurl, which keeps the connection. */
#include "run/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define TIMEOUT_S 30l
#define ANSWER_LEN_MAX 16777216u

struct fs_admin {
    CURL *curl;                 /* owned */
    struct curl_slist *headers; /* owned */
    char base[512];             /* "http://127.0.0.1:8001" */
};

struct received {
    char *data;
    size_t len;
};

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
    struct received *received = user;
    size_t len = size * count;
    char *grown;

    if (received->len + len > ANSWER_LEN_MAX)
        return 0;
    grown = realloc(received->data, received->len + len + 1);
    if (!grown)
        return 0;
    memcpy(grown + received->len, data, len);
    received->data = grown;
    received->len += len;
    received->data[received->len] = '\0';
    return len;
}

static void configure(struct fs_admin *admin, const char *host, uint16_t port)
{
    if (port == 0) {
        curl_easy_setopt(admin->curl, CURLOPT_UNIX_SOCKET_PATH, host);
        snprintf(admin->base, sizeof(admin->base), "http://localhost");
    } else {
        snprintf(admin->base, sizeof(admin->base),
                 strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host, port);
    }
    curl_easy_setopt(admin->curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(admin->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(admin->curl, CURLOPT_NOSIGNAL, 1l);
    curl_easy_setopt(admin->curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(admin->curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(admin->curl, CURLOPT_HTTPHEADER, admin->headers);
}

int fs_admin_create(struct fs_admin **admin, const char *host, uint16_t port, const char *token)
{
    struct fs_admin *new = calloc(1, sizeof(*new));
    char line[512];

    if (!new)
        return -ENOMEM;
    new->curl = curl_easy_init();
    new->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (token[0] != '\0' && new->headers) {
        snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
        curl_slist_append(new->headers, line);
        explicit_bzero(line, sizeof(line));
    }
    if (!new->curl || !new->headers) {
        fs_admin_destroy(new);
        return -ENOMEM;
    }
    configure(new, host, port);
    *admin = new;
    return 0;
}

void fs_admin_destroy(struct fs_admin *admin)
{
    if (!admin)
        return;
    if (admin->curl)
        curl_easy_cleanup(admin->curl);
    curl_slist_free_all(admin->headers);
    free(admin);
}

static int judge(const struct fs_admin *admin, const char *method, const char *path, long status,
                 const struct received *received, char *error)
{
    if (status >= 200 && status < 300)
        return 0;
    snprintf(error, FS_ADMIN_ERROR_SIZE, "%s %.100s%.100s answered %ld: %.200s", method,
             admin->base, path, status, received->data ? received->data : "");
    return status == 401 ? -EACCES : -EPROTO;
}

int fs_admin_ask(struct fs_admin *admin, const char *method, const char *path, const char *body,
                 char **answer, char error[FS_ADMIN_ERROR_SIZE])
{
    struct received received = {0};
    char url[1024];
    CURLcode code;
    long status = 0;
    int rc;

    snprintf(url, sizeof(url), "%s%s", admin->base, path);
    curl_easy_setopt(admin->curl, CURLOPT_URL, url);
    if (body)
        curl_easy_setopt(admin->curl, CURLOPT_POSTFIELDS, body);
    else
        curl_easy_setopt(admin->curl, CURLOPT_HTTPGET, 1l);
    curl_easy_setopt(admin->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(admin->curl, CURLOPT_WRITEDATA, &received);
    code = curl_easy_perform(admin->curl);
    if (code != CURLE_OK) {
        snprintf(error, FS_ADMIN_ERROR_SIZE, "%.300s did not answer: %s", admin->base,
                 curl_easy_strerror(code));
        free(received.data);
        return -ECONNREFUSED;
    }
    curl_easy_getinfo(admin->curl, CURLINFO_RESPONSE_CODE, &status);
    rc = judge(admin, method, path, status, &received, error);
    if (rc == 0 && !received.data && !(received.data = strdup("")))
        rc = -ENOMEM;
    if (rc == 0)
        *answer = received.data;
    else
        free(received.data);
    return rc;
}
