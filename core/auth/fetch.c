/* GET through libcurl. */
#include "auth/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "auth/fail.h"
#include "base/limits.h"

struct download {
    const _Atomic bool *is_stopping;
    char *data; /* owned */
    size_t len;
    bool is_too_long;
};

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct download *download = context;
    size_t len = size * count;
    char *larger;

    if (download->len + len > FS_JWKS_LEN_MAX) {
        download->is_too_long = true;
        return 0;
    }
    larger = realloc(download->data, download->len + len + 1);
    if (!larger)
        return 0;
    memcpy(larger + download->len, data, len);
    download->data = larger;
    download->len += len;
    larger[download->len] = '\0';
    return len;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct download *download = context;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(download->is_stopping);
}

static void set_options(CURL *curl, const char *url, struct download *download, char *problem)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FS_JWKS_FETCH_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "flashsale");
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, NULL);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, download);
}

int fs_fetch(const char *url, const _Atomic bool *is_stopping, char **body, size_t *len,
             char *error)
{
    struct download download = {.is_stopping = is_stopping};
    char problem[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    CURLcode code;
    long status = 0;
    int rc = 0;

    if (!curl)
        return fs_auth_fail(error, -ENOMEM, "no memory for %s", url);
    set_options(curl, url, &download, problem);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (download.is_too_long)
        rc = fs_auth_fail(error, -EINVAL, "%s has more than %u bytes", url, FS_JWKS_LEN_MAX);
    else if (code != CURLE_OK)
        rc = fs_auth_fail(error, -EAGAIN, "%s cannot be fetched: %s", url,
                          problem[0] ? problem : curl_easy_strerror(code));
    else if (status != 200 || !download.data)
        rc = fs_auth_fail(error, -EAGAIN, "%s answers %ld, not 200 with a body", url, status);
    if (rc != 0) {
        free(download.data);
        return rc;
    }
    *body = download.data;
    *len = download.len;
    return 0;
}
