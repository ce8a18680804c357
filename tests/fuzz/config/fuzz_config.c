/* Any bytes as a configuration: accepted or refused with a clean line for each mistake, and what is accepted is
 * printed so that it reads back as the same.
 *
 * The first byte chooses: 1 flags ("key=value" a line), 2 an environment (a line each), else YAML. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/address.h"
#include "config/config.h"

#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(int rc, const struct fs_config_error *error)
{
    size_t len = strnlen(error->text, sizeof(error->text));

    assert(rc == 0 || rc == -EINVAL);
    assert(rc == 0 || (len > 0 && len < sizeof(error->text)));
    for (size_t i = 0; rc != 0 && i < len; i++)
        assert(((unsigned char)error->text[i] >= 0x20 && error->text[i] != 0x7f) ||
               (error->text[i] == '\n' && i > 0 && i + 1 < len));
}

/* A key that is printed with something hidden. */
static bool is_secret(const struct fs_config_key *key)
{
    return key->kind == FS_CONFIG_SECRET || key->check == fs_config_check_redis_url;
}

static void check_reads_back(const struct fs_config_builder *builder,
                             const struct fs_config *config)
{
    char *yaml = fs_config_to_yaml(builder, config);
    struct fs_config_builder *again;
    struct fs_config *same;
    struct fs_config_error error;
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    assert(yaml);
    if (fs_config_builder_create(&again) != 0)
        abort();
    if (fs_config_read_text(again, "again", yaml, strlen(yaml), &error) != 0 ||
        fs_config_finish(again, &same, &error) != 0) {
        fprintf(stderr, "%s\n%s\n", error.text, yaml);
        abort();
    }
    for (size_t i = 0; i < count; i++)
        assert(is_secret(&keys[i]) || fs_config_same(&keys[i], config, same));
    fs_config_destroy(same);
    fs_config_builder_destroy(again);
    free(yaml);
}

/* Splits text at newlines; returns how many lines. */
static size_t split(char *text, char **lines)
{
    size_t count = 0;

    while (text && count < LINES_MAX)
        lines[count++] = strsep(&text, "\n");
    lines[count] = NULL;
    return count;
}

static int set_lines(struct fs_config_builder *builder, char **lines, size_t count,
                     struct fs_config_error *error)
{
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        char *value = lines[i], *key = strsep(&value, "=");
        int set = fs_config_set(builder, key, value ? value : "", i % 2 ? "--set" : NULL, error);
        check_error(set, error);
        rc = rc ? rc : set;
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs_config_builder *builder, *copy;
    struct fs_config *config;
    struct fs_config_error error = {""};
    char *text = strndup(size ? (const char *)data + 1 : "", size ? size - 1 : 0);
    char *lines[LINES_MAX + 1];
    size_t count = text ? split(text, lines) : 0;
    int rc;

    if (!text || fs_config_builder_create(&builder) != 0)
        abort();
    if (size > 0 && data[0] == 1)
        rc = set_lines(builder, lines, count, &error);
    else if (size > 0 && data[0] == 2)
        rc = fs_config_read_environment(builder, lines, &error);
    else
        rc = fs_config_read_text(builder, "f", (const char *)data, size, &error);
    check_error(rc, &error);
    if (fs_config_builder_copy(builder, &copy) != 0)
        abort();
    fs_config_builder_destroy(builder);
    rc = fs_config_finish(copy, &config, &error);
    check_error(rc, &error);
    if (rc == 0) {
        check_reads_back(copy, config);
        fs_config_destroy(config);
    }
    fs_config_builder_destroy(copy);
    free(text);
    return 0;
}
