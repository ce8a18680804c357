/* What was started, line by line, for the people who started it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    fputs("listening:    ", out);
    for (size_t i = 0; server->addresses[i]; i++)
        fprintf(out, "%s%s", i == 0 ? "" : ", ", server->addresses[i]);
    fprintf(out, " (%s)\n", server->tls ? "TLS 1.2 or later" : "cleartext");
    fprintf(out, "admin:        %s, token in %s\n", server->admin_address,
            server->admin_token_file);
}

static void write_strategy(FILE *out, const struct fs_server *server)
{
    const struct fs_strategy *strategy = &server->module.strategy;

    fprintf(out, "strategy:     %s, %s\n", strategy->name, strategy->summary);
    fprintf(out, "              from %s\n", server->module.path);
    fprintf(out, "durability:   %s\n", server->http.durability);
    fprintf(out, "store:        %s\n",
            (strategy->flags & FS_STRATEGY_PROCESS_LOCAL) != 0
                ? "none: the units live in this process"
                : "none");
}

int fs_server_summarise(struct fs_server *server)
{
    const struct fs_config *config = server->config;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return -ENOMEM;
    fprintf(out, "flashsale:    %s (h2o %s, %s)\n", fs_version(), H2O_VERSION,
            OpenSSL_version(OPENSSL_VERSION));
    fprintf(out, "configuration: %s\n", config->source);
    fprintf(out, "data folder:  %s\n", server->data_dir);
    write_strategy(out, server);
    write_listeners(out, server);
    fprintf(out, "workers:      %zu, %u requests in flight each\n", server->worker_count - 1,
            config->purchase_in_flight_max);
    fprintf(out, "log-ins:      %s\n", auth_line(config));
    fprintf(out, "products:     %zu configured\n", config->product_count);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    free(server->summary);
    server->summary = text;
    return 0;
}
