/* The settings of flashsale.h. */
#include "server/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/data_dir.h"

struct fs_settings {
    struct fs_config_builder *builder; /* owned */
};

int fs_error_set(struct fs_error *error, int code, const char *format, ...)
{
    va_list args;

    if (!error)
        return code;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}

static int tell(struct fs_error *error, int code, const struct fs_config_error *problem)
{
    return code == 0 ? 0 : fs_error_set(error, code, "%s", problem->text);
}

int fs_settings_create(struct fs_settings **settings)
{
    struct fs_settings *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return -ENOMEM;
    rc = fs_config_builder_create(&new->builder);
    if (rc != 0) {
        free(new);
        return rc;
    }
    *settings = new;
    return 0;
}

void fs_settings_destroy(struct fs_settings *settings)
{
    if (!settings)
        return;
    fs_config_builder_destroy(settings->builder);
    free(settings);
}

int fs_settings_load_file(struct fs_settings *settings, const char *path, struct fs_error *error)
{
    struct fs_config_error problem;

    return tell(error, fs_config_read_file(settings->builder, path, &problem), &problem);
}

int fs_settings_load_text(struct fs_settings *settings, const char *text, size_t len,
                          struct fs_error *error)
{
    struct fs_config_error problem;

    return tell(error, fs_config_read_text(settings->builder, "text", text, len, &problem),
                &problem);
}

int fs_settings_load_environment(struct fs_settings *settings, char *const *environment,
                                 struct fs_error *error)
{
    struct fs_config_error problem;

    return tell(error, fs_config_read_environment(settings->builder, environment, &problem),
                &problem);
}

int fs_settings_set_from(struct fs_settings *settings, const char *key, const char *value,
                         const char *origin, struct fs_error *error)
{
    struct fs_config_error problem;

    return tell(error, fs_config_set(settings->builder, key, value, origin, &problem), &problem);
}

int fs_settings_set(struct fs_settings *settings, const char *key, const char *value,
                    struct fs_error *error)
{
    return fs_settings_set_from(settings, key, value, NULL, error);
}

int fs_settings_finish(const struct fs_settings *settings, struct fs_config **config,
                       struct fs_error *error)
{
    struct fs_config_error problem;

    return tell(error, fs_config_finish(settings->builder, config, &problem), &problem);
}

int fs_settings_check(struct fs_settings *settings, char **yaml, struct fs_error *error)
{
    struct fs_config *config;
    int rc = fs_settings_finish(settings, &config, error);

    if (rc != 0)
        return rc;
    if (yaml && !(*yaml = fs_config_to_yaml(settings->builder, config)))
        rc = fs_error_set(error, -ENOMEM, "out of memory");
    fs_config_destroy(config);
    return rc;
}

int fs_settings_admin(const struct fs_settings *settings, char **address, char **token_file,
                      struct fs_error *error)
{
    struct fs_config *config;
    int rc = fs_settings_finish(settings, &config, error);

    if (rc != 0)
        return rc;
    *address = strdup(config->admin_listen);
    *token_file = fs_admin_token_path(config->data_dir, config->admin_token_file);
    if (!*address || !*token_file) {
        free(*address);
        free(*token_file);
        rc = fs_error_set(error, -ENOMEM, "out of memory");
    }
    fs_config_destroy(config);
    return rc;
}

int fs_settings_copy(const struct fs_settings *settings, struct fs_settings **copy)
{
    struct fs_settings *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return -ENOMEM;
    rc = fs_config_builder_copy(settings->builder, &new->builder);
    if (rc != 0) {
        free(new);
        return rc;
    }
    *copy = new;
    return 0;
}

int fs_settings_reread(const struct fs_settings *settings, struct fs_settings **reread,
                       struct fs_config **config, struct fs_error *error)
{
    struct fs_config_error problem;
    struct fs_settings *new;
    int rc = fs_settings_copy(settings, &new);

    if (rc != 0)
        return fs_error_set(error, rc, "out of memory");
    rc = tell(error, fs_config_reread(new->builder, &problem), &problem);
    if (rc == 0)
        rc = fs_settings_finish(new, config, error);
    if (rc != 0)
        fs_settings_destroy(new);
    else
        *reread = new;
    return rc;
}
