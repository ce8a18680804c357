/* Asks the admin listener over HTTP, on TCP or on a unix socket. */
#include "cli/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#define UNIX_PREFIX "unix:"
#define TIMEOUT_S 30l
#define CONNECT_TIMEOUT_S 5l
#define ANSWER_LEN_MAX 16777216u /* bytes */
#define TOKEN_SIZE 512

struct fs_cli_admin {
    CURL *curl;
    char *address;
    char authorization[TOKEN_SIZE + 32]; /* "": none */
    const char *headers[2];              /* borrowed; NULL: none */
};

/* What has come of an answer. */
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
    return len;
}

static int read_token(const char *path, char token[TOKEN_SIZE], const struct fs_cli_io *io)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, token, TOKEN_SIZE - 1);
    int number = errno;

    if (fd >= 0)
        close(fd);
    if (len < 0)
        return fs_cli_fail(
            io,
            "the admin token cannot be read from %s: %s; name the data folder of the "
            "server by --data-dir, or the file by --token-file",
            path, strerror(number));
    token[len] = '\0';
    token[strcspn(token, " \r\n")] = '\0';
    return 0;
}

static int take_token(struct fs_cli_admin *admin, const char *token, const struct fs_cli_io *io)
{
    if (token[0] == '\0' || strpbrk(token, "\r\n"))
        return fs_cli_fail(io, "the admin token is empty or has more than one line");
    snprintf(admin->authorization, sizeof(admin->authorization), "Authorization: Bearer %s", token);
    return 0;
}

/* The token of the configured file, unless a flag or variable gave one. */
static int find_token(struct fs_cli_admin *admin, const struct fs_cli_options *options,
                      const char *configured, const struct fs_cli_io *io)
{
    const char *variable = fs_cli_variable(io, "FLASHSALE_ADMIN_TOKEN");
    char token[TOKEN_SIZE] = "";
    int rc;

    if (!options->token_file && variable)
        return take_token(admin, variable, io);
    rc = read_token(options->token_file ? options->token_file : configured, token, io);
    return rc != 0 ? rc : take_token(admin, token, io);
}

static int locate(struct fs_cli_admin *admin, const struct fs_cli_options *options,
                  const struct fs_cli_io *io, bool needs_token)
{
    struct fs_error error;
    char *configured;
    char *address;
    int rc;

    if (fs_settings_admin(options->settings, &address, &configured, &error) != 0)
        return fs_cli_usage(io, "%s", error.text);
    admin->address = strdup(options->admin ? options->admin : address);
    rc = !admin->address ? fs_cli_fail(io, "out of memory")
         : needs_token   ? find_token(admin, options, configured, io)
                         : 0;
    free(configured);
    free(address);
    return rc;
}

int fs_cli_admin_create(const struct fs_cli_options *options, const struct fs_cli_io *io,
                        bool needs_token, struct fs_cli_admin **admin)
{
    struct fs_cli_admin *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return fs_cli_fail(io, "out of memory");
    rc = locate(new, options, io, needs_token);
    if (rc == 0 && !(new->curl = curl_easy_init()))
        rc = fs_cli_fail(io, "libcurl does not start");
    if (rc != 0) {
        fs_cli_admin_destroy(new);
        return rc;
    }
    *admin = new;
    return 0;
}

void fs_cli_admin_destroy(struct fs_cli_admin *admin)
{
    if (admin->curl)
        curl_easy_cleanup(admin->curl);
    free(admin->address);
    explicit_bzero(admin->authorization, sizeof(admin->authorization));
    free(admin);
}

void fs_cli_admin_header(struct fs_cli_admin *admin, const char *header)
{
    admin->headers[admin->headers[0] ? 1 : 0] = header;
}

/* Gives the URL, malloc'd; a unix socket is the connection's business, not the URL's. */
static char *url_of(const struct fs_cli_admin *admin, const char *path)
{
    bool is_unix = strncmp(admin->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
    char *url;

    if (is_unix)
        curl_easy_setopt(admin->curl, CURLOPT_UNIX_SOCKET_PATH,
                         admin->address + strlen(UNIX_PREFIX));
    return asprintf(&url, "http://%s%s", is_unix ? "localhost" : admin->address, path) < 0 ? NULL
                                                                                           : url;
}

static CURLcode perform(struct fs_cli_admin *admin, const char *method, const char *url,
                        const char *body, struct received *received)
{
    CURL *curl = admin->curl;
    struct curl_slist *headers = NULL;
    CURLcode code;

    if (admin->authorization[0] != '\0')
        headers = curl_slist_append(headers, admin->authorization);
    for (size_t i = 0; i < 2; i++)
        if (admin->headers[i])
            headers = curl_slist_append(headers, admin->headers[i]);
    if (body) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1l);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, received);
    code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return code;
}

int fs_cli_admin_ask(struct fs_cli_admin *admin, const char *method, const char *path,
                     const json_t *body, const struct fs_cli_io *io, struct fs_cli_answer *answer)
{
    struct received received = {0};
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    char *url = url_of(admin, path);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int rc = 0;

    if (url && (text || !body))
        code = perform(admin, method, url, text, &received);
    if (code == CURLE_OK) {
        curl_easy_getinfo(admin->curl, CURLINFO_RESPONSE_CODE, &answer->status);
        answer->body = json_loadb(received.data ? received.data : "", received.len, 0, NULL);
    } else {
        rc = fs_cli_fail(io, "the admin listener at %s did not answer: %s; is the server running?",
                         admin->address, curl_easy_strerror(code));
    }
    free(received.data);
    free(url);
    free(text);
    return rc;
}

void fs_cli_answer_dispose(struct fs_cli_answer *answer)
{
    json_decref(answer->body);
    answer->body = NULL;
}
