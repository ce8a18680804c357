/* Fills the layers: each reader fills a fresh one and takes it over only when all of it is right. */
#include "config/builder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "config/assign.h"
#include "config/keys.h"
#include "config/problem.h"
#include "config/yaml.h"

/* The defaults go the same way as what users write, so a default that breaks a bound is found. */
static int defaults_init(struct fs_config_layer *layer)
{
    struct fs_config_error error;
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    if (fs_config_layer_init(layer) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct fs_config_entry *entry = &layer->entries[i];
        int rc = 0;
        if (keys[i].kind != FS_CONFIG_OPTIONS)
            rc = fs_config_assign_all(&keys[i], entry, fs_text_of(keys[i].default_text), "default",
                                      &error);
        assert(rc == 0 || rc == -ENOMEM);
        entry->origin = rc == 0 ? strdup("default") : NULL;
        if (!entry->origin) {
            fs_config_layer_dispose(layer);
            return -ENOMEM;
        }
    }
    return 0;
}

int fs_config_builder_create(struct fs_config_builder **builder)
{
    struct fs_config_builder *fresh = calloc(1, sizeof(*fresh));
    int rc = fresh ? defaults_init(&fresh->layers[FS_CONFIG_FROM_DEFAULT]) : -ENOMEM;

    for (int i = FS_CONFIG_FROM_FILE; rc == 0 && i < FS_CONFIG_SOURCE_COUNT; i++)
        rc = fs_config_layer_init(&fresh->layers[i]);
    if (rc != 0)
        fs_config_builder_destroy(fresh);
    else
        *builder = fresh;
    return rc;
}

void fs_config_builder_destroy(struct fs_config_builder *builder)
{
    if (!builder)
        return;
    for (int i = 0; i < FS_CONFIG_SOURCE_COUNT; i++)
        fs_config_layer_dispose(&builder->layers[i]);
    free(builder->file);
    free(builder->source);
    free(builder);
}

int fs_config_builder_copy(const struct fs_config_builder *from, struct fs_config_builder **to)
{
    struct fs_config_builder *copy = calloc(1, sizeof(*copy));
    int rc = copy ? 0 : -ENOMEM;

    for (int i = 0; rc == 0 && i < FS_CONFIG_SOURCE_COUNT; i++)
        rc = fs_config_layer_copy(&from->layers[i], &copy->layers[i]);
    if (rc == 0 && from->file && !(copy->file = strdup(from->file)))
        rc = -ENOMEM;
    if (rc == 0 && from->source && !(copy->source = strdup(from->source)))
        rc = -ENOMEM;
    if (rc != 0)
        fs_config_builder_destroy(copy);
    else
        *to = copy;
    return rc;
}

const struct fs_config_entry *fs_config_builder_entry(const struct fs_config_builder *builder,
                                                      const struct fs_config_key *key)
{
    size_t index = fs_config_key_index(key);

    for (int i = FS_CONFIG_SOURCE_COUNT - 1; i > 0; i--)
        if (builder->layers[i].entries[index].origin)
            return &builder->layers[i].entries[index];
    return &builder->layers[FS_CONFIG_FROM_DEFAULT].entries[index];
}

static void layer_replace(struct fs_config_layer *layer, struct fs_config_layer *fresh)
{
    fs_config_layer_dispose(layer);
    *layer = *fresh;
}

/* file: what a reload reads, or NULL. */
static int read_yaml(struct fs_config_builder *builder, const char *name, const char *file,
                     struct fs_text text, struct fs_config_error *error)
{
    struct fs_config_layer fresh = {NULL, NULL, 0};
    char *file_copy = file ? strdup(file) : NULL;
    char *source = strdup(name);
    int rc;

    if (!source || (file && !file_copy) || fs_config_layer_init(&fresh) != 0)
        rc = fs_config_fail_memory(error);
    else
        rc = fs_config_yaml_read(&fresh, name, text, error);
    if (rc != 0) {
        fs_config_layer_dispose(&fresh);
        free(source);
        free(file_copy);
        return rc;
    }
    layer_replace(&builder->layers[FS_CONFIG_FROM_FILE], &fresh);
    free(builder->file);
    free(builder->source);
    builder->file = file_copy;
    builder->source = source;
    return 0;
}

int fs_config_read_text(struct fs_config_builder *builder, const char *name, const char *text,
                        size_t len, struct fs_config_error *error)
{
    return read_yaml(builder, name, NULL, (struct fs_text){text, len}, error);
}

/* Reads up to capacity bytes.  Returns 0 or what read(2) said. */
static int read_fully(int fd, char *data, size_t capacity, size_t *len)
{
    while (*len < capacity) {
        ssize_t n = read(fd, data + *len, capacity - *len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            *len += (size_t)n;
    }
    return 0;
}

int fs_config_read_file(struct fs_config_builder *builder, const char *path,
                        struct fs_config_error *error)
{
    size_t capacity = FS_CONFIG_FILE_LEN_MAX + 1, len = 0;
    char *data = malloc(capacity);
    int rc, fd;

    if (!data)
        return fs_config_fail_memory(error);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    rc = fd < 0 ? -errno : read_fully(fd, data, capacity, &len);
    if (fd >= 0)
        close(fd);
    if (rc != 0) {
        fs_config_fail(error, path, "cannot be read: %s", strerrordesc_np(-rc));
        rc = rc == -ENOENT || rc == -EACCES ? rc : -EIO;
    } else {
        rc = read_yaml(builder, path, path, (struct fs_text){data, len}, error);
    }
    free(data);
    return rc;
}

int fs_config_reread(struct fs_config_builder *builder, struct fs_config_error *error)
{
    char *path;
    int rc;

    if (!builder->file)
        return 0;
    /* The read replaces builder->file. */
    path = strdup(builder->file);
    if (!path)
        return fs_config_fail_memory(error);
    rc = fs_config_read_file(builder, path, error);
    free(path);
    return rc;
}
