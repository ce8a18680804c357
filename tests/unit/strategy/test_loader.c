/* What the loader takes, what it refuses, and whether it says so in words that help. */
#include "support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "strategy/loader.h"

/* FS_TEST_OBJECTS: the folder of the objects built from tests/strategies/loader_object.c. */

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/loader-XXXXXX");
    if (!mkdtemp(folder))
        abort();
}

static void path_of(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", folder, name);
}

/* Copies an object there, as mode. */
static void put(const char *object, const char *name, mode_t mode)
{
    char from[512];
    char to[256];
    char bytes[65536];
    ssize_t len;
    int in, out;

    snprintf(from, sizeof(from), "%s/%s.so", FS_TEST_OBJECTS, object);
    path_of(to, name);
    in = open(from, O_RDONLY | O_CLOEXEC);
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        abort();
    while ((len = read(in, bytes, sizeof(bytes))) > 0)
        if (write(out, bytes, (size_t)len) != len)
            abort();
    close(in);
    fchmod(out, mode);
    close(out);
}

static void put_text(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    path_of(path, name);
    file = fopen(path, "w");
    if (!file)
        abort();
    fputs(text, file);
    fclose(file);
    chmod(path, 0644);
}

static void remove_folder(void)
{
    static const char *const names[] = {"x.so",    "a.so",  "b.so", "c.so",
                                        "link.so", ".h.so", "n.txt"};
    char path[256];

    chmod(folder, 0700);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(path, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Loads name from the folder and expects code and, when it is refused, part of the sentence. */
static void check_load(const char *name, int code, const char *part)
{
    struct fs_strategy_module module = {.path = folder};
    char error[FS_LOADER_ERROR_SIZE] = "";
    int got = fs_strategy_load(name, folder, &module, error);

    FS_CHECK_INT(got, code);
    if (got == 0) {
        fs_strategy_unload(&module);
        return;
    }
    FS_CHECK_CONTAINS(error, part);
    FS_CHECK(module.path == folder && !module.handle);
}

static void a_good_object_loads_by_its_name_and_by_its_path(void)
{
    struct fs_strategy_module module;
    char error[FS_LOADER_ERROR_SIZE];
    char path[256];

    make_folder();
    put("loader_good", "x.so", 0755);
    path_of(path, "x.so");
    FS_CHECK_INT(fs_strategy_load("x", folder, &module, error), 0);
    FS_CHECK_STR(module.strategy.name, "loader_good");
    FS_CHECK_STR(module.path, path);
    fs_strategy_unload(&module);
    FS_CHECK(!module.handle && !module.path);
    FS_CHECK_INT(fs_strategy_load(path, "/nowhere", &module, error), 0);
    fs_strategy_unload(&module);
    remove_folder();
}

static void a_strategy_that_is_not_there_is_refused_with_the_folder_named(void)
{
    make_folder();
    check_load("v9", -ENOENT, "there is no strategy 'v9' in");
    check_load("./none.so", -ENOENT, "No such file");
    check_load("no such name", -ENOENT, "is no strategy");
    check_load("", -ENOENT, "is no strategy");
    remove_folder();
}

static void a_file_that_others_can_write_to_is_refused(void)
{
    make_folder();
    put("loader_good", "x.so", 0775);
    check_load("x", -EACCES, "chmod go-w");
    put("loader_good", "x.so", 0757);
    check_load("x", -EACCES, "others can write to the file");
    put("loader_good", "x.so", 0755);
    check_load("x", 0, NULL);
    remove_folder();
}

static void a_folder_that_others_can_write_to_is_refused(void)
{
    make_folder();
    put("loader_good", "x.so", 0755);
    chmod(folder, 0777);
    check_load("x", -EACCES, "others can write to the folder");
    chmod(folder, 0770);
    check_load("x", -EACCES, "others can write to the folder");
    chmod(folder, 01777);
    check_load("x", -EACCES, "others can write to the folder");
    chmod(folder, 0755);
    check_load("x", 0, NULL);
    remove_folder();
}

static void a_link_is_judged_by_where_it_leads(void)
{
    char target[256];
    char link[256];
    struct fs_strategy_module module;
    char error[FS_LOADER_ERROR_SIZE];

    make_folder();
    put("loader_good", "x.so", 0755);
    path_of(target, "x.so");
    path_of(link, "link.so");
    FS_REQUIRE(symlink(target, link) == 0);
    FS_CHECK_INT(fs_strategy_load("link", folder, &module, error), 0);
    FS_CHECK_STR(module.path, target);
    fs_strategy_unload(&module);
    chmod(target, 0777);
    check_load("link", -EACCES, "x.so");
    remove_folder();
}

static void a_file_of_another_user_is_refused(void)
{
    char path[256];

    if (geteuid() != 0) {
        printf("(needs root) ");
        return;
    }
    make_folder();
    put("loader_good", "x.so", 0755);
    path_of(path, "x.so");
    FS_REQUIRE(chown(path, 12345, 12345) == 0);
    check_load("x", -EACCES, "belongs to user 12345");
    put("loader_good", "x.so", 0755);
    FS_REQUIRE(chown(path, 0, 0) == 0);
    FS_REQUIRE(chown(folder, 12345, 12345) == 0);
    check_load("x", -EACCES, "the folder belongs to user 12345");
    remove_folder();
}

static void what_is_no_shared_object_is_refused(void)
{
    char path[256];

    make_folder();
    put_text("x.so", "#!/bin/sh\necho hello\n");
    check_load("x", -ENOEXEC, "not a shared object");
    put_text("x.so", "");
    check_load("x", -ENOEXEC, "not a shared object");
    put_text("x.so", "\177ELF but not really");
    check_load("x", -ENOEXEC, "cannot be loaded");
    path_of(path, "x.so");
    unlink(path);
    FS_REQUIRE(mkdir(path, 0755) == 0);
    check_load("x", -ENOEXEC, "not a file");
    rmdir(path);
    remove_folder();
}

static void an_object_that_is_no_strategy_is_refused(void)
{
    make_folder();
    put("loader_no_symbol", "x.so", 0755);
    check_load("x", -ENOEXEC, "does not export flashsale_strategy()");
    put("loader_no_table", "x.so", 0755);
    check_load("x", -ENOEXEC, "returned no table");
    remove_folder();
}

static void another_abi_version_is_refused(void)
{
    make_folder();
    put("loader_other_abi", "x.so", 0755);
    check_load("x", -EPROTO, "built for strategy ABI 99, this server speaks 1; rebuild it");
    remove_folder();
}

static void a_missing_callback_is_named(void)
{
    make_folder();
    put("loader_no_cancel", "x.so", 0755);
    check_load("x", -EINVAL, "does not set cancel()");
    put("loader_too_short", "x.so", 0755);
    check_load("x", -EINVAL, "does not set change()");
    remove_folder();
}

static void a_bad_name_or_size_is_refused(void)
{
    make_folder();
    put("loader_bad_name", "x.so", 0755);
    check_load("x", -EINVAL, "name");
    put("loader_no_summary", "x.so", 0755);
    check_load("x", -EINVAL, "summary");
    put("loader_huge_state", "x.so", 0755);
    check_load("x", -EINVAL, "bytes of state");
    remove_folder();
}

static void an_object_built_with_a_shorter_table_loads_with_the_rest_empty(void)
{
    struct fs_strategy_module module;
    char error[FS_LOADER_ERROR_SIZE];

    make_folder();
    put("loader_short", "x.so", 0755);
    FS_CHECK_INT(fs_strategy_load("x", folder, &module, error), 0);
    FS_CHECK(module.strategy.change != NULL);
    FS_CHECK(module.strategy.turn_end == NULL);
    FS_CHECK(module.strategy.durability == NULL);
    FS_CHECK(module.strategy.probe == NULL);
    fs_strategy_unload(&module);
    remove_folder();
}

static void an_object_built_with_a_longer_table_loads(void)
{
    make_folder();
    put("loader_longer", "x.so", 0755);
    check_load("x", 0, NULL);
    remove_folder();
}

struct seen {
    unsigned count;
    char names[4][64];
    bool loaded[4];
};

static void see(void *data, const char *path, const struct fs_strategy_module *module,
                const char *error)
{
    struct seen *seen = data;

    FS_CHECK((module != NULL) == (error == NULL));
    if (seen->count == 4)
        return;
    snprintf(seen->names[seen->count], sizeof(seen->names[0]), "%s", strrchr(path, '/') + 1);
    seen->loaded[seen->count++] = module != NULL;
}

static void a_folder_is_listed_in_order_with_what_does_not_load(void)
{
    struct seen seen = {0};

    make_folder();
    put("loader_good", "b.so", 0755);
    put("loader_other_abi", "a.so", 0755);
    put("loader_short", "c.so", 0755);
    put("loader_good", ".h.so", 0755);
    put_text("n.txt", "not of interest");
    FS_CHECK_INT(fs_strategy_each(folder, see, &seen), 2);
    FS_REQUIRE(seen.count == 3);
    FS_CHECK_STR(seen.names[0], "a.so");
    FS_CHECK_STR(seen.names[1], "b.so");
    FS_CHECK_STR(seen.names[2], "c.so");
    FS_CHECK(!seen.loaded[0] && seen.loaded[1] && seen.loaded[2]);
    FS_CHECK_INT(fs_strategy_each("/nowhere/at/all", see, &seen), -ENOENT);
    remove_folder();
}

static const struct fs_strategy half = {FS_STRATEGY_HEAD, .name = "half",
                                        .summary = "no callbacks"};

static void a_linked_table_is_checked_as_a_loaded_one(void)
{
    struct fs_strategy_module module = {0};
    char error[FS_LOADER_ERROR_SIZE] = "";

    FS_CHECK_INT(fs_strategy_adopt(&half, "built in", &module, error), -EINVAL);
    FS_CHECK_CONTAINS(error, "built in: does not set open()");
}

#define TESTS(T)                                                      \
    T(a_good_object_loads_by_its_name_and_by_its_path)                \
    T(a_strategy_that_is_not_there_is_refused_with_the_folder_named)  \
    T(a_file_that_others_can_write_to_is_refused)                     \
    T(a_folder_that_others_can_write_to_is_refused)                   \
    T(a_link_is_judged_by_where_it_leads)                             \
    T(a_file_of_another_user_is_refused)                              \
    T(what_is_no_shared_object_is_refused)                            \
    T(an_object_that_is_no_strategy_is_refused)                       \
    T(another_abi_version_is_refused)                                 \
    T(a_missing_callback_is_named)                                    \
    T(a_bad_name_or_size_is_refused)                                  \
    T(an_object_built_with_a_shorter_table_loads_with_the_rest_empty) \
    T(an_object_built_with_a_longer_table_loads)                      \
    T(a_folder_is_listed_in_order_with_what_does_not_load)            \
    T(a_linked_table_is_checked_as_a_loaded_one)

FS_SUITE("strategy/loader", TESTS)
