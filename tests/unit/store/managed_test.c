/* Private redis-servers: started, kept, stopped, and never left behind. */
#include "support/suite.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "store/managed.h"
#include "store/redis.h"

static struct fs_log test_log;
static char dir[64];
static struct fs_error error;

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static int create_in(const char *data_dir, unsigned count, struct fs_redis **redis)
{
    const struct fs_redis_options options = {
        .private_count = count, .data_dir = data_dir, .loop_count = 1, .log = &test_log};

    fs_log_init(&test_log, FS_LOG_DEBUG, FS_LOG_TEXT, drop_line, NULL);
    error.text[0] = '\0';
    return fs_redis_create(&options, redis, &error);
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static bool is_alive(int pid)
{
    char path[64];
    char line[256] = "";
    FILE *file;
    bool is_zombie;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    fclose(file);
    is_zombie = strstr(line, ") Z") != NULL;
    return !is_zombie;
}

static bool ends_within(int pid, int ms)
{
    for (int waited = 0; waited < ms; waited += 10) {
        if (!is_alive(pid))
            return true;
        pause_ms(10);
    }
    return !is_alive(pid);
}

/* A loop's store on a private server. */
struct user {
    struct fs_metrics metrics;
    struct fs_store *store;
    struct fs_link_fixture link; /* what fs_link_ask() needs of it */
};

static bool open_user(struct user *user, struct fs_redis *redis)
{
    memset(user, 0, sizeof(*user));
    fs_redis_poll_init(&user->link.loop);
    fs_metrics_init(&user->metrics);
    if (fs_redis_open(redis, &user->link.loop.poller, &user->metrics, &user->link.store) != 0)
        return false;
    user->store = user->link.store;
    return fs_redis_poll_until_ready(&user->link.loop, user->store, FS_LINK_PATIENCE_MS);
}

static void it_starts_durable_and_private_and_is_stopped(void)
{
    struct fs_asked asked = {.then = NULL};
    struct fs_redis *redis = NULL;
    static struct user user;
    char path[128];
    struct stat status;
    int pid;

    fs_test_dir_make(dir);
    FS_REQUIRE(create_in(dir, 1, &redis) == 0);
    FS_CHECK_STR(fs_redis_durability(redis), "aof-always");
    FS_CHECK(fs_redis_is_private(redis));
    pid = fs_redis_private_pid(redis, 0);
    FS_CHECK(pid > 0 && is_alive(pid));
    snprintf(path, sizeof(path), "%s/redis-0", dir);
    FS_CHECK_INT(stat(path, &status) == 0 ? (status.st_mode & 0777) : 0, 0700);
    snprintf(path, sizeof(path), "%s/redis-0/redis.conf", dir);
    FS_CHECK_INT(stat(path, &status) == 0 ? (status.st_mode & 0777) : 0, 0600);
    snprintf(path, sizeof(path), "%s/redis-0/redis.sock", dir);
    FS_CHECK_INT(stat(path, &status) == 0 ? (status.st_mode & 0777) : 0, 0700);
    FS_REQUIRE(open_user(&user, redis));
    fs_link_ask(&user.link, &asked, "INCR kept");
    FS_CHECK_INT(asked.integer, 1);
    fs_redis_close(user.store);
    fs_redis_destroy(redis);
    FS_CHECK(!is_alive(pid));
    FS_REQUIRE(create_in(dir, 1, &redis) == 0); /* the next start finds what was kept */
    FS_REQUIRE(open_user(&user, redis));
    fs_link_ask(&user.link, &asked, "INCR kept");
    FS_CHECK_INT(asked.integer, 2);
    fs_redis_close(user.store);
    fs_redis_destroy(redis);
    fs_test_dir_remove(dir);
}

static void killed_it_is_back_with_what_it_had_acknowledged(void)
{
    struct fs_asked asked = {.then = NULL};
    struct fs_redis *redis = NULL;
    static struct user user;
    int pid;

    fs_test_dir_make(dir);
    FS_REQUIRE(create_in(dir, 1, &redis) == 0);
    FS_REQUIRE(open_user(&user, redis));
    for (int i = 1; i <= 5; i++) {
        uint64_t killed_at_us;

        fs_link_ask(&user.link, &asked, "INCR kept");
        FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
        FS_CHECK_INT(asked.integer, i);
        pid = fs_redis_private_pid(redis, 0);
        FS_REQUIRE(pid > 0);
        kill(pid, SIGKILL);
        killed_at_us = fs_clock_now_us();
        do
            fs_link_turn_for(&user.link, 2);
        while (fs_redis_private_pid(redis, 0) == pid);
        fs_link_turn_for(&user.link, 2);
        FS_REQUIRE(fs_redis_poll_until_ready(&user.link.loop, user.store, FS_LINK_PATIENCE_MS));
        FS_CHECK(fs_clock_now_us() - killed_at_us < 2000000);
    }
    fs_redis_close(user.store);
    fs_redis_destroy(redis);
    fs_test_dir_remove(dir);
}

static void several_have_a_folder_each(void)
{
    struct fs_redis *redis = NULL;
    int pids[3];

    fs_test_dir_make(dir);
    FS_REQUIRE(create_in(dir, 3, &redis) == 0);
    FS_CHECK_INT(fs_redis_node_count(redis), 3);
    for (unsigned i = 0; i < 3; i++)
        pids[i] = fs_redis_private_pid(redis, i);
    FS_CHECK(pids[0] != pids[1] && pids[1] != pids[2] && pids[0] != pids[2]);
    fs_redis_destroy(redis);
    for (unsigned i = 0; i < 3; i++)
        FS_CHECK(!is_alive(pids[i]));
    fs_test_dir_remove(dir);
}

/* A process that starts a private server, tells its pid, and waits. */
static pid_t start_owner(int *redis_pid)
{
    int tell[2];
    pid_t owner;

    if (pipe(tell) != 0)
        abort();
    owner = fork();
    if (owner == 0) {
        struct fs_redis *redis = NULL;
        int pid;

        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that dies */
        pid = create_in(dir, 1, &redis) == 0 ? fs_redis_private_pid(redis, 0) : -1;

        if (write(tell[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        for (;;)
            pause();
    }
    close(tell[1]);
    if (read(tell[0], redis_pid, sizeof(*redis_pid)) != sizeof(*redis_pid))
        *redis_pid = -1;
    close(tell[0]);
    return owner;
}

static void it_does_not_outlive_a_flashsale_that_is_killed(void)
{
    struct fs_redis *redis = NULL;

    fs_test_dir_make(dir);
    for (int i = 0; i < 5; i++) {
        int pid = -1;
        pid_t owner = start_owner(&pid);

        FS_REQUIRE(pid > 0);
        kill(owner, SIGKILL);
        waitpid(owner, NULL, 0);
        if (i % 2 == 0)
            FS_CHECK(ends_within(pid, 5000));
        /* Else the next one starts at once, and waits for it. */
    }
    FS_REQUIRE(create_in(dir, 1, &redis) == 0);
    fs_redis_destroy(redis);
    fs_test_dir_remove(dir);
}

static void two_flashsales_do_not_share_a_data_folder(void)
{
    struct fs_redis *redis = NULL;
    struct fs_redis *other = NULL;
    int pid = -1;
    pid_t owner;
    uint64_t asked_at_us;

    fs_test_dir_make(dir);
    owner = start_owner(&pid);
    FS_CHECK(pid > 0);
    asked_at_us = fs_clock_now_us();
    FS_CHECK(create_in(dir, 1, &redis) != 0);
    FS_CHECK(fs_clock_now_us() - asked_at_us < 1000000);
    FS_CHECK_CONTAINS(error.text, "is in use by another flashsale");
    FS_CHECK(is_alive(pid));
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    FS_REQUIRE(create_in(dir, 1, &redis) == 0); /* nor do two in one process */
    FS_CHECK(create_in(dir, 1, &other) != 0);
    FS_CHECK_CONTAINS(error.text, "is in use by another flashsale");
    fs_redis_destroy(redis);
    fs_test_dir_remove(dir);
}

static void a_stranger_on_its_socket_is_refused_and_lives(void)
{
    static struct fs_redis_server stranger;
    struct fs_redis *redis = NULL;
    char folder[128];
    char path[160];
    int pid;

    fs_test_dir_make(dir);
    snprintf(folder, sizeof(folder), "%s/redis-0", dir);
    FS_REQUIRE(mkdir(folder, 0700) == 0);
    fs_redis_server_start(&stranger, NULL);
    snprintf(path, sizeof(path), "%s/redis.sock", folder);
    FS_REQUIRE(link(stranger.socket, path) == 0);
    pid = stranger.pid;
    FS_CHECK(create_in(dir, 1, &redis) != 0);
    FS_CHECK_CONTAINS(error.text, "is served by a Redis that this flashsale did not start");
    FS_CHECK(is_alive(pid));
    FS_CHECK_INT(fs_redis_server_number(&stranger, "INCR n"), 1);
    fs_redis_server_stop(&stranger); /* its socket stays behind, and is in nobody's way */
    FS_REQUIRE(create_in(dir, 1, &redis) == 0);
    fs_redis_destroy(redis);
    fs_test_dir_remove(dir);
}

static void a_folder_that_others_can_read_is_refused(void)
{
    struct fs_redis *redis = NULL;
    char folder[128];

    fs_test_dir_make(dir);
    snprintf(folder, sizeof(folder), "%s/redis-0", dir);
    FS_REQUIRE(mkdir(folder, 0755) == 0);
    FS_CHECK(create_in(dir, 1, &redis) != 0);
    FS_CHECK_CONTAINS(error.text, "run chmod 700 on it");
    FS_CHECK_INT(rmdir(folder), 0);
    FS_REQUIRE(symlink("/", folder) == 0);
    FS_CHECK(create_in(dir, 1, &redis) != 0);
    FS_CHECK_CONTAINS(error.text, "is no folder");
    fs_test_dir_remove(dir);
}

static void a_program_that_is_missing_or_fails_is_explained(void)
{
    static const struct {
        const char *program, *part;
    } rows[] = {
        {"no-such-redis-server", "apt install redis-server"},
        {"/nowhere/redis-server", "is not found"},
        {"/bin/false", "redis-server ended as it started"},
    };

    fs_log_init(&test_log, FS_LOG_DEBUG, FS_LOG_TEXT, drop_line, NULL);
    fs_test_dir_make(dir);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fs_redis_options options = {
            .data_dir = dir, .program = rows[i].program, .loop_count = 1, .log = &test_log};
        struct fs_redis *redis = NULL;

        FS_CHECK(fs_redis_create(&options, &redis, &error) != 0);
        FS_CHECK_CONTAINS(error.text, rows[i].part);
    }
    fs_test_dir_remove(dir);
}

static void a_data_folder_with_a_long_or_odd_name_serves(void)
{
    static const char *const names[] = {"a folder with \"quotes\" \\ and $(spaces)",
                                        "long-long-long-long-long-long-long-long-long-long-long-"
                                        "long-long-long-long-long-long-long"};
    struct fs_redis *redis = NULL;
    char path[256];

    fs_test_dir_make(dir);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        FS_REQUIRE(mkdir(path, 0700) == 0);
        FS_REQUIRE(create_in(path, 1, &redis) == 0);
        FS_CHECK(strlen(fs_redis_node_name(redis, 0)) < 120);
        fs_redis_destroy(redis);
    }
    fs_test_dir_remove(dir);
}

#define TESTS(T)                                       \
    T(it_starts_durable_and_private_and_is_stopped)    \
    T(killed_it_is_back_with_what_it_had_acknowledged) \
    T(several_have_a_folder_each)                      \
    T(it_does_not_outlive_a_flashsale_that_is_killed)  \
    T(two_flashsales_do_not_share_a_data_folder)       \
    T(a_stranger_on_its_socket_is_refused_and_lives)   \
    T(a_folder_that_others_can_read_is_refused)        \
    T(a_program_that_is_missing_or_fails_is_explained) \
    T(a_data_folder_with_a_long_or_odd_name_serves)
FS_SUITE("store/managed", TESTS)
