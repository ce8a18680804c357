/* The nth allocation fails, for every n: the answer is -ENOMEM, nothing leaks, nothing changes.
 *
 * The linker sends the layer's own allocations here (see CMakeLists.txt); libyaml's are its own. */
#include "config/config.h"
#include "support/suite.h"

#include <errno.h>

struct allocator {
    long left; /* allocations that succeed; negative: all */
    bool failed;
};

/* The wrapped functions have no argument of ours to carry it. */
static struct allocator allocator = {-1, false};

static bool may_allocate(void)
{
    if (allocator.left == 0) {
        allocator.failed = true;
        errno = ENOMEM;
        return false;
    }
    if (allocator.left > 0)
        allocator.left--;
    return true;
}

#define WRAP(result, name, parameters, arguments)               \
    result __real_##name parameters;                            \
    result __wrap_##name parameters;                            \
    result __wrap_##name parameters                             \
    {                                                           \
        return may_allocate() ? __real_##name arguments : NULL; \
    }

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, reallocarray, (void *at, size_t count, size_t size), (at, count, size))
WRAP(char *, strdup, (const char *text), (text))
WRAP(char *, strndup, (const char *text, size_t len), (text, len))
WRAP(FILE *, open_memstream, (char **text, size_t *len), (text, len))

static const char YAML[] = "listen: [\"[::1]:0\", unix:/a]\n"
                           "redis: {urls: [unix:/b, 'redis://h:1']}\n"
                           "strategy_options: {a: b, c: d}\n"
                           "products: [a, {id: b, stock: 3}]\n"
                           "log: {level: debug}\n";

/* One life of a builder; stops at the first failure. */
static int live(void)
{
    char *environment[] = {(char[]){"FLASHSALE_PRODUCTS=a,b"},
                           (char[]){"FLASHSALE_STRATEGY_OPTIONS_A=c"}, (char[]){"WORKERS=2"}, NULL};
    struct fs_config_builder *builder, *copy = NULL;
    struct fs_config *config = NULL;
    struct fs_config_error error = {""};
    char *yaml = NULL, *reference = NULL;
    int rc = fs_config_builder_create(&builder);

    if (rc != 0)
        return rc;
    rc = fs_config_read_text(builder, "f", YAML, strlen(YAML), &error);
    if (rc == 0)
        rc = fs_config_read_environment(builder, environment, &error);
    if (rc == 0)
        rc = fs_config_set(builder, "listen", "127.0.0.1:1", "--listen", &error);
    if (rc == 0)
        rc = fs_config_set(builder, "listen", "127.0.0.1:2", "--listen", &error);
    if (rc == 0)
        rc = fs_config_set(builder, "strategy_options.a", "x", "--set", &error);
    if (rc == 0)
        rc = fs_config_builder_copy(builder, &copy);
    if (rc == 0)
        rc = fs_config_finish(copy, &config, &error);
    if (rc == 0 && !(yaml = fs_config_to_yaml(copy, config)))
        rc = -ENOMEM;
    if (rc == 0 && !(reference = fs_config_reference()))
        rc = -ENOMEM;
    free(reference);
    free(yaml);
    fs_config_destroy(config);
    fs_config_builder_destroy(copy);
    fs_config_builder_destroy(builder);
    return rc;
}

static void any_allocation_may_fail(void)
{
    long n = 0;

    for (;; n++) {
        int rc;
        allocator = (struct allocator){n, false};
        rc = live();
        allocator.left = -1;
        if (!allocator.failed) {
            FS_CHECK_INT(rc, 0);
            break;
        }
        if (rc != -ENOMEM)
            FS_CHECK_INT(rc, -ENOMEM);
    }
    printf("(%ld allocations) ", n);
    FS_CHECK(n > 500);
}

static void a_failed_read_leaves_the_builder_as_it_was(void)
{
    struct fs_config_builder *builder;
    struct fs_config_error error;
    struct fs_config *config;

    FS_REQUIRE(fs_config_builder_create(&builder) == 0);
    FS_CHECK_INT(fs_config_set(builder, "listen", "127.0.0.1:1", "--listen", &error), 0);
    for (long n = 0;; n++) {
        int rc;
        allocator = (struct allocator){n, false};
        rc = fs_config_read_text(builder, "f", YAML, strlen(YAML), &error);
        allocator.left = -1;
        if (!allocator.failed)
            break;
        FS_CHECK_INT(rc, -ENOMEM);
        FS_CHECK_STR(error.text, "out of memory");
        FS_REQUIRE(fs_config_finish(builder, &config, &error) == 0);
        FS_CHECK_INT(config->product_count, 10);
        FS_CHECK_STR(config->source, "defaults");
        fs_config_destroy(config);
    }
    for (long n = 0;; n++) {
        int rc;
        allocator = (struct allocator){n, false};
        rc = fs_config_set(builder, "listen", "127.0.0.1:2", "--listen", &error);
        allocator.left = -1;
        FS_REQUIRE(fs_config_finish(builder, &config, &error) == 0);
        FS_CHECK_INT(config->listen.count, rc == 0 ? 2 : 1);
        fs_config_destroy(config);
        if (!allocator.failed)
            break;
        FS_CHECK_INT(rc, -ENOMEM);
    }
    fs_config_builder_destroy(builder);
}

#define TESTS(T)               \
    T(any_allocation_may_fail) \
    T(a_failed_read_leaves_the_builder_as_it_was)

FS_SUITE("config/memory", TESTS)
