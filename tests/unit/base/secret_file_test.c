/* The file of a secret is whole or not there. */
#include "base/secret_file.h"

#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

struct place {
    char folder[64];
    char path[128];
};

static bool place_open(struct place *place)
{
    snprintf(place->folder, sizeof(place->folder), "/tmp/flashsale-test-XXXXXX");
    if (!mkdtemp(place->folder))
        return false;
    snprintf(place->path, sizeof(place->path), "%s/secret", place->folder);
    return true;
}

static void place_close(struct place *place)
{
    unlink(place->path);
    FS_CHECK_INT(rmdir(place->folder), 0); /* nothing else was left in it */
}

static void check_content(const struct place *place, const char *expected)
{
    char text[64] = "";
    int fd = open(place->path, O_RDONLY | O_CLOEXEC);

    FS_REQUIRE(fd >= 0);
    FS_CHECK(read(fd, text, sizeof(text) - 1) >= 0);
    FS_CHECK_STR(text, expected);
    close(fd);
}

static void a_file_is_made_once_and_for_its_owner_alone(void)
{
    struct place place;
    struct stat status;
    bool is_made = false;

    FS_REQUIRE(place_open(&place));
    FS_CHECK_INT(fs_secret_file_make(place.path, "first", 5, &is_made), 0);
    FS_CHECK(is_made);
    FS_CHECK(stat(place.path, &status) == 0);
    FS_CHECK_INT(status.st_mode & 07777, 0600);
    FS_CHECK_INT(fs_secret_file_make(place.path, "second", 6, &is_made), 0);
    FS_CHECK(!is_made);
    check_content(&place, "first");
    place_close(&place);
}

static void a_write_that_is_cut_short_leaves_no_file(void)
{
    struct place place;
    struct rlimit before;
    struct rlimit limit;
    bool is_made = true;
    int rc;

    FS_REQUIRE(place_open(&place));
    FS_REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    limit = before;
    limit.rlim_cur = 3;
    signal(SIGXFSZ, SIG_IGN);
    FS_REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    rc = fs_secret_file_make(place.path, "secret", 6, &is_made);
    FS_REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    FS_CHECK_INT(rc, -ENOSPC);
    FS_CHECK(!is_made);
    FS_CHECK(access(place.path, F_OK) != 0);
    place_close(&place);
}

static void a_folder_that_is_not_there_is_told(void)
{
    bool is_made = true;

    FS_CHECK_INT(fs_secret_file_make("/nowhere/at/all", "x", 1, &is_made), -ENOENT);
    FS_CHECK(!is_made);
}

static bool is_on_tmpfs(int fd)
{
    struct statfs mount;

    return fstatfs(fd, &mount) == 0 && mount.f_type == TMPFS_MAGIC;
}

/* Folders of mode 0700 and file systems in memory keep others out, whatever the file's mode. */
static void a_file_that_all_may_read_is_exposed_unless_a_folder_above_is_closed(void)
{
    struct place place;
    struct stat status;
    bool is_in_memory;
    int fd;

    FS_REQUIRE(place_open(&place));
    fd = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    FS_REQUIRE(fd >= 0 && fchmod(fd, 0644) == 0 && fstat(fd, &status) == 0);
    FS_CHECK(!fs_secret_file_is_exposed(fd, &status, place.path)); /* mkdtemp(): 0700 */
    FS_CHECK_INT(chmod(place.folder, 0755), 0);
    is_in_memory = is_on_tmpfs(fd);
    FS_CHECK_INT(fs_secret_file_is_exposed(fd, &status, place.path), !is_in_memory);
    FS_REQUIRE(fchmod(fd, 0640) == 0 && fstat(fd, &status) == 0);
    FS_CHECK(!fs_secret_file_is_exposed(fd, &status, place.path));
    close(fd);
    place_close(&place);
}

#define TESTS(T)                                                           \
    T(a_file_that_all_may_read_is_exposed_unless_a_folder_above_is_closed) \
    T(a_file_is_made_once_and_for_its_owner_alone)                         \
    T(a_write_that_is_cut_short_leaves_no_file)                            \
    T(a_folder_that_is_not_there_is_told)

FS_SUITE("base/secret_file", TESTS)
