/* Whose sale data this server serves: the data folder's manifest, the stores' and the options agree, or
 * the server does not start.
 *
 *   check_folder   before a private Redis or a journal is opened
 *   (open_store    compares and claims the manifests of the stores)
 *   check_kept     the folder belongs to the data that the stores name
 *   note_sales     sales were made: from now on their absence is a loss
 *
 * A folder that was never written to is free for any options. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/server.h"
#include "server/settings.h"

static const char *family_of(const struct fs_strategy *strategy)
{
    return strategy->data_family ? strategy->data_family : strategy->name;
}

static void write_place(const struct fs_server *server, char place[32], bool is_cluster)
{
    const struct fs_config *config = server->config;
    const struct fs_strategy *strategy = &server->module.strategy;
    unsigned private_count = config->redis_private_servers > 0 ? config->redis_private_servers
                             : strategy->stores_wanted > 0     ? strategy->stores_wanted
                                                               : 1;

    if ((strategy->flags & FS_STRATEGY_USES_STORE) == 0)
        snprintf(place, 32, "local");
    else if (is_cluster)
        snprintf(place, 32, "redis/cluster");
    else if (config->redis_urls.count > 0)
        snprintf(place, 32, "redis/%zu", config->redis_urls.count);
    else
        snprintf(place, 32, "private/%u", private_count);
}

int fs_server_check_folder(struct fs_server *server, struct fs_error *error)
{
    const struct fs_strategy *strategy = &server->module.strategy;
    struct fs_manifest *manifest = &server->manifest;
    int rc;

    *manifest = (struct fs_manifest){.id = ""};
    if (!strategy->name)
        return 0; /* a rehearsal goes on without one */
    snprintf(manifest->family, sizeof(manifest->family), "%s", family_of(strategy));
    snprintf(manifest->prefix, sizeof(manifest->prefix), "%s",
             strategy->flags & FS_STRATEGY_USES_STORE ? server->config->redis_prefix : "");
    write_place(server, manifest->place, false);
    rc = fs_manifest_check(server->data_dir, strategy->name, manifest, error);
    /* Several addresses may name one cluster, which is known once it has answered. */
    if (rc != 0 && strncmp(manifest->place, "redis/", 6) == 0) {
        write_place(server, manifest->place, true);
        if (fs_manifest_check(server->data_dir, strategy->name, manifest, error) == 0)
            rc = 0;
    }
    if (rc == 0 && manifest->is_used && strcmp(manifest->place, "local") == 0 &&
        !fs_manifest_has_data(server->data_dir))
        rc = fs_error_set(error, -EINVAL,
                          "data_dir: %s has lost its journal: its manifest says that sales were "
                          "made; restore the folder, or begin anew with the steps of docs/redis.md",
                          server->data_dir);
    if (rc != 0 || manifest->is_there)
        return rc;
    if (fs_data_id_make(manifest->id) != 0)
        return fs_error_set(error, -EIO, "no random bytes for the id of the sale data");
    /* Before what it speaks of is made: a folder with data has a manifest, whenever we are killed. */
    if (strncmp(manifest->place, "redis/", 6) == 0)
        return 0;
    return fs_manifest_write(server->data_dir, manifest, error);
}

struct fs_identity_options fs_server_identity_options(const struct fs_server *server)
{
    struct fs_identity_options options = {.family = server->manifest.family,
                                          .prefix = server->config->redis_prefix,
                                          .is_used = server->manifest.is_used};

    if (server->manifest.is_there || strncmp(server->manifest.place, "private/", 8) == 0)
        memcpy(options.id, server->manifest.id, sizeof(options.id));
    return options;
}

static bool keeps_nothing(const struct fs_server *server)
{
    const struct fs_strategy *strategy = &server->module.strategy;
    const char *durability = strategy->durability ? strategy->durability(server->strategy) : NULL;

    return !server->redis && (!durability || strcmp(durability, "memory") == 0);
}

int fs_server_check_kept(struct fs_server *server, struct fs_error *error)
{
    struct fs_manifest *manifest = &server->manifest;
    bool was_cluster = strcmp(manifest->place, "redis/cluster") == 0;

    if (keeps_nothing(server) && manifest->is_used)
        return fs_error_set(error, -EINVAL,
                            "data_dir: %s holds sales, which strategy %s would not read when it "
                            "keeps everything in memory: set strategy_options.durability back, or "
                            "use another data folder",
                            server->data_dir, server->module.strategy.name);
    if (!server->redis)
        return 0;
    memcpy(manifest->id, fs_redis_data_id(server->redis).data, sizeof(manifest->id));
    write_place(server, manifest->place, fs_redis_is_cluster(server->redis));
    if (fs_redis_is_private(server->redis))
        write_place(server, manifest->place, false);
    if (manifest->is_there && was_cluster != fs_redis_is_cluster(server->redis) &&
        manifest->is_used)
        return fs_error_set(error, -EINVAL,
                            "data_dir: %s belongs to sales %s, and the named servers are %s: name "
                            "those of the sale data, or use another data folder",
                            server->data_dir, was_cluster ? "in a Redis Cluster" : "on servers",
                            was_cluster ? "none" : "a Redis Cluster");
    return 0;
}

int fs_server_note_sales(struct fs_server *server, struct fs_error *error)
{
    struct fs_manifest *manifest = &server->manifest;
    bool has_sales = server->config->product_count > 0 ||
                     (server->redis && fs_redis_identity(server->redis)->is_used);

    if (keeps_nothing(server) || (manifest->is_there && manifest->is_used))
        return 0;
    manifest->is_used = has_sales;
    return fs_manifest_write(server->data_dir, manifest, error);
}
