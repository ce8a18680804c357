/* Reads the addresses of a server that runs already. */
#include "run/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/prometheus.h"
#include "run/whole_file.h"

/* [http://]host[:port][/], or unix:/path with port 0 */
static int read_url(const char *url, long port_default, char host[256], uint16_t *port)
{
    const char *at = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
    size_t len = strcspn(at, "/");
    const char *colon = memrchr(at, ':', len);
    long number = port_default;
    char *end;

    if (strncmp(url, "unix:", 5) == 0 && strlen(url) < 256) {
        snprintf(host, 256, "%s", url + 5);
        *port = 0;
        return 0;
    }
    if (strstr(at, "://") || (at[len] == '/' && at[len + 1] != '\0'))
        return -EINVAL;
    if (colon && at[0] == '[' && at[len - 1] == ']')
        colon = NULL;
    if (colon) {
        number = strtol(colon + 1, &end, 10);
        if (end != at + len)
            return -EINVAL;
        len = (size_t)(colon - at);
    }
    if (len > 2 && at[0] == '[' && at[len - 1] == ']') {
        at++;
        len -= 2;
    }
    if (len == 0 || len >= 256 || number <= 0 || number > 65535)
        return -EINVAL;
    snprintf(host, 256, "%.*s", (int)len, at);
    *port = (uint16_t)number;
    return 0;
}

static int read_token(const char *path, char token[256], char *error)
{
    char *text = fs_read_file(path);

    if (!text) {
        snprintf(error, FS_RUN_ERROR_SIZE, "the admin token cannot be read from %.300s: %s", path,
                 strerror(errno));
        return -EACCES;
    }
    snprintf(token, 256, "%.*s", (int)strcspn(text, " \r\n"), text);
    free(text);
    return 0;
}

int fs_target_find(const struct fs_server_source *source, struct fs_bench_server *server,
                   char error[FS_RUN_ERROR_SIZE])
{
    struct fs_target *target = &server->target;

    if (read_url(source->target, 80, target->host, &target->port) != 0) {
        snprintf(error, FS_RUN_ERROR_SIZE,
                 "--target %.300s: use a URL such as http://127.0.0.1:8000 or unix:/path",
                 source->target);
        return -EINVAL;
    }
    if (!source->target_admin)
        return 0;
    if (read_url(source->target_admin, 80, target->admin_host, &target->admin_port) != 0) {
        snprintf(error, FS_RUN_ERROR_SIZE,
                 "--admin %.300s: use a URL such as http://127.0.0.1:8001 or unix:/path",
                 source->target_admin);
        return -EINVAL;
    }
    if (source->token_file && read_token(source->token_file, target->admin_token, error) != 0)
        return -EACCES;
    return fs_admin_create(&server->admin, target->admin_host, target->admin_port,
                           target->admin_token);
}

void fs_target_strategy(const struct fs_server_source *source, char *name, size_t size)
{
    struct fs_bench_server server = {0};
    struct fs_prom_page page = {0};
    char error[FS_RUN_ERROR_SIZE];
    char *text = NULL;

    snprintf(name, size, "target");
    if (fs_target_find(source, &server, error) == 0 && server.admin &&
        fs_admin_ask(server.admin, "GET", "/metrics", NULL, &text, error) == 0 &&
        fs_prom_read(&page, text) == 0) {
        char label[64];

        fs_prom_label(&page, "purchase_outcomes_total", "strategy", label, sizeof(label));
        if (label[0] != '\0' && !strchr(label, '/'))
            snprintf(name, size, "%s", label);
    }
    fs_prom_dispose(&page);
    free(text);
    fs_admin_destroy(server.admin);
}
