/* What was started, line by line, for the people who started it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <h2o/version.h>
#include <openssl/crypto.h>

#include "server/server.h"

static const char *auth_line(const struct fs_config *config)
{
    switch (config->auth_mode) {
    case FS_AUTH_DEMO:
        return "demo: any user_N with the demo password; not for a real sale";
    case FS_AUTH_USERS:
        return "users of the password file";
    case FS_AUTH_JWT:
        return "tokens of an identity provider (jwt)";
    }
    return "?";
}

static void write_listeners(FILE *out, const struct fs_server *server)
{
    fputs("listening:     ", out);
    for (size_t i = 0; server->addresses[i]; i++)
        fprintf(out, "%s%s", i == 0 ? "" : ", ", server->addresses[i]);
    fprintf(out, " (%s)\n",
            !server->config->tls_certificate[0] ? "cleartext"
            : server->has_http2                 ? "TLS 1.2 or later, HTTP/2 and HTTP/1.1"
                                                : "TLS 1.2 or later");
    fprintf(out, "admin:         %s, token in %s\n", server->admin_address,
            server->admin_token_file);
}

static void write_store(FILE *out, const struct fs_server *server)
{
    const struct fs_redis *redis = server->redis;

    if (!redis) {
        fprintf(out, "store:         %s\n",
                (server->module.strategy.flags & FS_STRATEGY_PROCESS_LOCAL) != 0
                    ? "none: the units live in this process"
                    : "none");
        return;
    }
    for (unsigned i = 0; i < fs_redis_node_count(redis); i++)
        fprintf(out, "%s%s redis %s at %s\n", i == 0 ? "store:        " : "              ",
                fs_redis_is_private(redis) ? "our own" : "your", fs_redis_node_version(redis, i),
                fs_redis_node_name(redis, i));
    if (fs_redis_is_cluster(redis))
        fprintf(out, "               primaries of a Redis Cluster, followed as its slots move\n");
}

static void write_strategy(FILE *out, const struct fs_server *server)
{
    const struct fs_strategy *strategy = &server->module.strategy;

    fprintf(out, "strategy:      %s, %s\n", strategy->name, strategy->summary);
    fprintf(out, "               from %s\n", server->module.path);
    fprintf(out, "durability:    %s\n", server->http.durability);
    write_store(out, server);
}

static void write_summary(FILE *out, const struct fs_server *server)
{
    const struct fs_config *config = server->config;

    fprintf(out, "flashsale:     %s (h2o %s, %s)\n", fs_version(), H2O_VERSION,
            OpenSSL_version(OPENSSL_VERSION));
    fprintf(out, "configuration: %s\n", config->source);
    fprintf(out, "data folder:   %s\n", server->data_dir);
    write_strategy(out, server);
    write_listeners(out, server);
    fprintf(out, "workers:       %zu, %u requests in flight each\n", server->worker_count - 1,
            config->purchase_in_flight_max);
    fprintf(out, "log-ins:       %s\n", auth_line(config));
    fprintf(out, "products:      %zu configured\n", config->product_count);
}

/* The way a client on this machine reaches the address, as arguments of curl before the path. */
static void write_base(FILE *out, const struct fs_server *server, const char *address)
{
    const char *scheme = server->config->tls_certificate[0] ? "https" : "http";

    if (strncmp(address, "unix:", 5) == 0)
        fprintf(out, "--unix-socket %s %s://localhost", address + 5, scheme);
    else if (strncmp(address, "0.0.0.0:", 8) == 0)
        fprintf(out, "%s://127.0.0.1:%s", scheme, address + 8);
    else if (strncmp(address, "[::]:", 5) == 0)
        fprintf(out, "%s://[::1]:%s", scheme, address + 5);
    else
        fprintf(out, "%s://%s", scheme, address);
}

static void write_curl(FILE *out, const struct fs_server *server)
{
    fprintf(out, "curl -s%sw '\\n' ", server->config->tls_certificate[0] ? "k" : "");
    write_base(out, server, server->addresses[0]);
}

static void write_login(FILE *out, const struct fs_server *server)
{
    const struct fs_config *config = server->config;

    if (config->auth_mode == FS_AUTH_JWT) {
        fputs("  TOKEN=...   # from your identity provider\n", out);
        return;
    }
    fputs("  TOKEN=$(", out);
    write_curl(out, server);
    if (config->auth_mode == FS_AUTH_DEMO && strcmp(config->auth_demo_password, "password123") == 0)
        fputs("/login -d '{\"username\":\"user_1\",\"password\":\"password123\"}'", out);
    else
        fputs("/login -d '{\"username\":\"...\",\"password\":\"...\"}'", out);
    fputs(" | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n", out);
}

/* The program is seldom in PATH when it has just been built; an embedder's is another one. */
static void write_stock_list(FILE *out, const struct fs_server *server)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    const char *slash;

    path[len > 0 ? len : 0] = '\0';
    slash = strrchr(path, '/');
    fprintf(out, "  %s stock list --admin %s --token-file %s\n",
            slash && strcmp(slash, "/flashsale") == 0 ? path : "flashsale", server->admin_address,
            server->admin_token_file);
}

static void write_examples(FILE *out, const struct fs_server *server)
{
    const struct fs_config *config = server->config;
    const char *product = config->product_count > 0 ? config->products[0].id : "1";

    fputs("To try it, in another shell:\n", out);
    write_login(out, server);
    fputs("  ", out);
    write_curl(out, server);
    fprintf(out, "/inventory/%s\n  ", product);
    write_curl(out, server);
    fprintf(out, "/purchase/%s -H \"Authorization: Bearer $TOKEN\" -d '{\"quantity\":1}'\n",
            product);
    if (strncmp(server->admin_address, "unix:", 5) != 0)
        fprintf(out, "  curl -s http://%s/metrics\n", server->admin_address);
    write_stock_list(out, server);
}

static int write_text(const struct fs_server *server,
                      void (*write)(FILE *out, const struct fs_server *server), char **text)
{
    char *new = NULL;
    size_t len;
    FILE *out = open_memstream(&new, &len);

    if (!out)
        return -ENOMEM;
    write(out, server);
    if (fclose(out) != 0) {
        free(new);
        return -ENOMEM;
    }
    free(*text);
    *text = new;
    return 0;
}

int fs_server_summarise(struct fs_server *server)
{
    int rc = write_text(server, write_summary, &server->summary);

    return rc == 0 ? write_text(server, write_examples, &server->examples) : rc;
}
