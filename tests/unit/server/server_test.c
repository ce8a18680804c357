/* Whole servers inside this process: start, serve, stop, reload, and what goes wrong. */
#include "support/suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

#include "client.h"
#include "fixture.h"

#define CYCLES 100
#define PATIENCE_MS 20000u
#define BUY "{\"quantity\":1}"

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void sleep_ms(unsigned ms)
{
    const struct timespec pause = {ms / 1000, (ms % 1000) * 1000000l};

    nanosleep(&pause, NULL);
}

static void a_started_server_serves_and_says_where(void)
{
    struct fixture one;
    char answer[4096];
    char login[1024];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_REQUIRE(fixture_address(&one) != NULL);
    FS_CHECK(strstr(fixture_address(&one), ":0") == NULL);
    FS_CHECK(fs_server_address(one.server, 1) == NULL);
    FS_CHECK_INT(
        client_ask(fixture_address(&one), "GET", "/inventory/1", "", "", answer, sizeof(answer)),
        200);
    FS_CHECK(client_login(fixture_address(&one), login, sizeof(login)));
    FS_CHECK_INT(client_ask(fixture_address(&one), "POST", "/purchase/1", login, BUY, answer,
                            sizeof(answer)),
                 200);
    FS_CHECK_INT(client_ask(fs_server_admin_address(one.server), "GET", "/readyz", "", "", answer,
                            sizeof(answer)),
                 200);
    FS_CHECK_CONTAINS(fs_server_summary(one.server), fixture_address(&one));
    FS_CHECK_CONTAINS(fs_server_summary(one.server), "null");
    FS_CHECK_CONTAINS(fs_server_examples(one.server), "curl");
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    FS_CHECK(client_connect(fixture_address(&one)) < 0);
    fixture_close(&one);
}

static void several_servers_live_in_one_process(void)
{
    struct fixture servers[3];
    char answer[4096];

    for (size_t i = 0; i < 3; i++) {
        FS_REQUIRE(fixture_open(&servers[i], i == 1 ? FS_TEST_LATE : FS_TEST_NULL));
        FS_REQUIRE(fixture_start(&servers[i]) == 0);
    }
    /* The one in the middle goes; its neighbours do not notice. */
    FS_CHECK_INT(fs_server_stop(servers[1].server), 0);
    for (size_t i = 0; i < 3; i++)
        FS_CHECK_INT(client_ask(fixture_address(&servers[i]), "GET", "/inventory/1", "", "", answer,
                                sizeof(answer)),
                     i == 1 ? 0 : 200);
    for (size_t i = 0; i < 3; i++)
        fixture_close(&servers[i]);
}

static void a_hundred_starts_and_stops_give_every_descriptor_back(void)
{
    struct fixture one;
    char answer[4096];
    size_t before;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    /* The first start makes what libraries keep for the life of the process. */
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(fs_server_stop(one.server) == 0);
    before = descriptor_count();
    for (int i = 0; i < CYCLES; i++) {
        FS_REQUIRE(fixture_start(&one) == 0);
        FS_CHECK_INT(client_ask(fixture_address(&one), "GET", "/inventory/1", "", "", answer,
                                sizeof(answer)),
                     200);
        FS_CHECK_INT(fs_server_stop(one.server), 0);
    }
    FS_CHECK_INT(descriptor_count(), before);
    fixture_close(&one);
}

static void a_server_can_be_destroyed_without_a_start(void)
{
    struct fixture one;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_CHECK_INT(fixture_create(&one), 0);
    FS_CHECK(fixture_address(&one) == NULL);
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    fixture_close(&one);
}

static void a_second_start_is_refused(void)
{
    struct fixture one;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_CHECK_INT(fixture_start(&one), -EALREADY);
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    fixture_close(&one);
}

/* Starts, expects rc and the text, and that nothing stays open. */
static void check_failure(struct fixture *one, int rc, const char *text)
{
    size_t before;

    FS_REQUIRE(fixture_create(one) == 0);
    before = descriptor_count();
    FS_CHECK_INT(fixture_start(one), rc);
    FS_CHECK_CONTAINS(one->error.text, text);
    FS_CHECK_INT(descriptor_count(), before);
}

static void a_port_in_use_fails_the_start_which_can_be_tried_again(void)
{
    struct fixture first;
    struct fixture second;
    char address[64];

    FS_REQUIRE(fixture_open(&first, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&first) == 0);
    snprintf(address, sizeof(address), "%s", fixture_address(&first));
    FS_REQUIRE(fixture_open(&second, FS_TEST_NULL));
    FS_REQUIRE(fixture_set(&second, "listen", "") && fixture_set(&second, "listen", address));
    check_failure(&second, -EADDRINUSE, "in use");
    FS_CHECK_CONTAINS(second.error.text, address);
    FS_CHECK_INT(fs_server_stop(first.server), 0);
    FS_CHECK_INT(fixture_start(&second), 0);
    FS_CHECK_STR(fixture_address(&second), address);
    fixture_close(&second);
    fixture_close(&first);
}

static void a_missing_strategy_fails_the_start_which_can_be_tried_again(void)
{
    struct fixture one;
    char path[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(path, sizeof(path), "%s/late.so", one.folder);
    FS_REQUIRE(fixture_set(&one, "strategy", path));
    check_failure(&one, -EINVAL, "late.so");
    FS_REQUIRE(symlink(FS_TEST_LATE, path) == 0);
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_CHECK_CONTAINS(fs_server_summary(one.server), "late");
    fixture_close(&one);
}

static void a_data_folder_that_is_a_file_fails_the_start_which_can_be_tried_again(void)
{
    struct fixture one;
    char path[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    fixture_file(&one, "data", "not a folder", path);
    check_failure(&one, -EINVAL, "data");
    FS_REQUIRE(unlink(path) == 0);
    FS_CHECK_INT(fixture_start(&one), 0);
    fixture_close(&one);
}

static void a_certificate_that_cannot_be_read_fails_the_start(void)
{
    struct fixture one;
    char certificate[128];
    char key[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    fixture_file(&one, "bad.pem", "-----BEGIN NOTHING-----\n", certificate);
    fixture_file(&one, "bad.key", "", key);
    FS_REQUIRE(fixture_set(&one, "tls.certificate", certificate));
    FS_REQUIRE(fixture_set(&one, "tls.key", key));
    check_failure(&one, -EINVAL, "bad.pem");
    fixture_close(&one);
}

static void an_admin_token_that_others_can_write_fails_the_start_and_one_to_read_does_not(void)
{
    struct fixture one;
    char path[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    fixture_file(&one, "token", "0123456789012345678901234567890123456789\n", path);
    FS_REQUIRE(chmod(path, 0620) == 0);
    FS_REQUIRE(fixture_set(&one, "admin.token_file", path));
    check_failure(&one, -EINVAL, "others");
    FS_REQUIRE(chmod(path, 0444) == 0); /* as secrets of containers are mounted */
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_CHECK_STR(fs_server_admin_token_file(one.server), path);
    fixture_close(&one);
}

static void the_admin_token_is_made_once_and_private(void)
{
    struct fixture one;
    struct stat first;
    struct stat second;
    const char *path;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&one) == 0);
    path = fs_server_admin_token_file(one.server);
    FS_REQUIRE(stat(path, &first) == 0);
    FS_CHECK_INT(first.st_mode & 0777, 0600);
    FS_CHECK_INT(first.st_size, 65);
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(stat(fs_server_admin_token_file(one.server), &second) == 0);
    FS_CHECK(first.st_ino == second.st_ino && first.st_mtim.tv_nsec == second.st_mtim.tv_nsec);
    fixture_close(&one);
}

static void wrong_settings_make_no_server(void)
{
    struct fixture one;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_CHECK_INT(fs_settings_set(one.settings, "wrokers", "2", &one.error), -EINVAL);
    FS_CHECK_CONTAINS(one.error.text, "did you mean");
    FS_CHECK_INT(fs_settings_set(one.settings, "listen", "nowhere", &one.error), -EINVAL);
    FS_CHECK_INT(fixture_start(&one), 0);
    fixture_close(&one);
}

/* Load */

struct load {
    const char *address;
    char login[1024];
    _Atomic bool stop;
    _Atomic unsigned answered;
    _Atomic unsigned strange; /* answers that are neither 200 nor 503 */
};

static void *buy_until_stopped(void *data)
{
    struct load *load = data;

    while (!atomic_load(&load->stop)) {
        char request[2048];
        char answer[4096];
        int fd = client_connect(load->address);

        if (fd < 0)
            break;
        snprintf(request, sizeof(request),
                 "POST /purchase/1 HTTP/1.1\r\nHost: x\r\n%sContent-Length: 14\r\n\r\n" BUY,
                 load->login);
        for (int i = 0; i < 50 && !atomic_load(&load->stop); i++) {
            int status = client_send(fd, request) ? client_read(fd, answer, sizeof(answer)) : 0;

            if (status == 0)
                break;
            atomic_fetch_add(status == 200 || status == 503 ? &load->answered : &load->strange, 1);
        }
        close(fd);
    }
    return NULL;
}

static void a_stop_under_load_is_clean(void)
{
    struct fixture one;
    struct load load = {0};
    pthread_t threads[4];
    uint64_t begun_ms;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&one) == 0);
    load.address = fixture_address(&one);
    FS_REQUIRE(client_login(load.address, load.login, sizeof(load.login)));
    for (size_t i = 0; i < 4; i++)
        FS_REQUIRE(pthread_create(&threads[i], NULL, buy_until_stopped, &load) == 0);
    for (unsigned waited_ms = 0; waited_ms < PATIENCE_MS && atomic_load(&load.answered) < 200;
         waited_ms++)
        sleep_ms(1);
    begun_ms = now_ms();
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    FS_CHECK(now_ms() - begun_ms < 5000);
    atomic_store(&load.stop, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    FS_CHECK(atomic_load(&load.answered) > 10);
    FS_CHECK_INT(atomic_load(&load.strange), 0);
    fixture_close(&one);
}

static void *stop_server(void *data)
{
    struct fixture *one = data;

    return (void *)(intptr_t)fs_server_stop(one->server);
}

static void a_stop_answers_what_the_strategy_still_decides(void)
{
    struct fixture one;
    char request[2048];
    char login[1024];
    char answer[4096];
    pthread_t stopper;
    void *result;
    int fd;

    FS_REQUIRE(fixture_open(&one, FS_TEST_LATE));
    FS_REQUIRE(fixture_set(&one, "strategy_options.delay_ms", "400"));
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(client_login(fixture_address(&one), login, sizeof(login)));
    fd = client_connect(fixture_address(&one));
    FS_REQUIRE(fd >= 0);
    snprintf(request, sizeof(request),
             "POST /purchase/1 HTTP/1.1\r\nHost: x\r\n%sContent-Length: 14\r\n\r\n" BUY, login);
    FS_REQUIRE(client_send(fd, request) && client_was_read(fd));
    FS_REQUIRE(pthread_create(&stopper, NULL, stop_server, &one) == 0);
    FS_CHECK_INT(client_read(fd, answer, sizeof(answer)), 200);
    pthread_join(stopper, &result);
    FS_CHECK_INT((intptr_t)result, 0);
    close(fd);
    fixture_close(&one);
}

static void stop_now_cuts_a_client_that_never_finishes(void)
{
    struct fixture one;
    pthread_t stopper;
    uint64_t begun_ms;
    void *result;
    int fd;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&one) == 0);
    fd = client_connect(fixture_address(&one));
    FS_REQUIRE(fd >= 0);
    FS_REQUIRE(client_send(fd, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"));
    FS_REQUIRE(client_was_read(fd));
    FS_REQUIRE(pthread_create(&stopper, NULL, stop_server, &one) == 0);
    FS_CHECK(fixture_await_log(&one, "stopping"));
    begun_ms = now_ms();
    fs_server_stop_now(one.server);
    pthread_join(stopper, &result);
    FS_CHECK(now_ms() - begun_ms < 1000);
    FS_CHECK_INT((intptr_t)result, -ETIMEDOUT);
    FS_CHECK(fixture_logged(&one, "told to stop at once: 1 connection(s) are cut", true));
    close(fd);
    fixture_close(&one);
}

static void stop_now_before_a_start_breaks_it_off_and_then_is_over(void)
{
    struct fixture one;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_create(&one) == 0);
    fs_server_stop_now(one.server);
    FS_CHECK_INT(fixture_start(&one), -EINTR);
    FS_CHECK_CONTAINS(one.error.text, "broken off");
    FS_CHECK_INT(fixture_start(&one), 0);
    fixture_close(&one);
}

static void a_stop_ends_in_time_whatever_a_client_does(void)
{
    struct fixture one;
    uint64_t begun_ms;
    int fd;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_set(&one, "shutdown_timeout", "300ms"));
    FS_REQUIRE(fixture_start(&one) == 0);
    fd = client_connect(fixture_address(&one));
    FS_REQUIRE(fd >= 0);
    FS_REQUIRE(client_send(fd, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"));
    FS_REQUIRE(client_was_read(fd));
    begun_ms = now_ms();
    FS_CHECK_INT(fs_server_stop(one.server), -ETIMEDOUT);
    FS_CHECK(now_ms() - begun_ms >= 300);
    FS_CHECK(now_ms() - begun_ms < 2000);
    close(fd);
    fixture_close(&one);
}

static void wait_returns_when_another_thread_has_stopped_the_server(void)
{
    struct fixture one;
    pthread_t stopper;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(pthread_create(&stopper, NULL, stop_server, &one) == 0);
    FS_CHECK_INT(fs_server_wait(one.server), 0);
    pthread_join(stopper, NULL);
    fixture_close(&one);
}

/* Reload */

static int buy(const struct fixture *one, const char *login, const char *body)
{
    char answer[4096];

    return client_ask(fixture_address(one), "POST", "/purchase/1", login, body, answer,
                      sizeof(answer));
}

static void a_reload_takes_limits_and_names_what_must_wait(void)
{
    struct fixture one;
    char path[128];
    char login[1024];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    fixture_file(&one, "f.yaml", "purchase:\n  max_quantity: 2\n", path);
    FS_REQUIRE(fs_settings_load_file(one.settings, path, &one.error) == 0);
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(client_login(fixture_address(&one), login, sizeof(login)));
    FS_CHECK_INT(buy(&one, login, "{\"quantity\":3}"), 400);
    fixture_file(&one, "f.yaml",
                 "purchase:\n  max_quantity: 3\n  deadline: 1s\nredis:\n  stall_timeout: 9s\n"
                 "auth:\n  login_queue: 9\n  token_ttl: 2h\n",
                 path);
    FS_CHECK_INT(fs_server_reload(one.server, &one.error), 0);
    FS_CHECK_INT(buy(&one, login, "{\"quantity\":3}"), 200);
    FS_CHECK(fixture_logged(&one, "purchase.deadline", true));
    FS_CHECK(fixture_logged(&one, "redis.stall_timeout", true));
    FS_CHECK(fixture_logged(&one, "auth.login_queue", true));
    FS_CHECK(!fixture_logged(&one, "auth.token_ttl", false));
    FS_CHECK(!fixture_logged(&one, "purchase.max_quantity", false));
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    FS_CHECK_INT(fs_server_reload(one.server, &one.error), -EINVAL);
    fixture_close(&one);
}

static void a_bad_file_changes_nothing(void)
{
    struct fixture one;
    char path[128];
    char login[1024];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    fixture_file(&one, "f.yaml", "purchase:\n  max_quantity: 2\n", path);
    FS_REQUIRE(fs_settings_load_file(one.settings, path, &one.error) == 0);
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(client_login(fixture_address(&one), login, sizeof(login)));
    fixture_file(&one, "f.yaml", "purchase:\n  max_quantity: 9\n  dedline: 1s\n", path);
    FS_CHECK_INT(fs_server_reload(one.server, &one.error), -EINVAL);
    FS_CHECK_CONTAINS(one.error.text, "f.yaml:3");
    FS_CHECK(fixture_logged(&one, "reload changed nothing: ", true));
    FS_CHECK_INT(buy(&one, login, "{\"quantity\":3}"), 400);
    FS_CHECK_INT(buy(&one, login, "{\"quantity\":2}"), 200);
    fixture_close(&one);
}

static void a_reload_opens_the_access_log_anew(void)
{
    struct fixture one;
    struct stat status;
    char answer[4096];
    char path[128];
    char moved[160];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(path, sizeof(path), "%s/access.log", one.folder);
    snprintf(moved, sizeof(moved), "%s.1", path);
    FS_REQUIRE(fixture_set(&one, "http.access_log", path));
    FS_REQUIRE(fixture_start(&one) == 0);
    FS_REQUIRE(rename(path, moved) == 0);
    FS_CHECK_INT(fs_server_reload(one.server, &one.error), 0);
    FS_CHECK_INT(
        client_ask(fixture_address(&one), "GET", "/inventory/1", "", "", answer, sizeof(answer)),
        200);
    FS_CHECK_INT(fs_server_stop(one.server), 0);
    FS_CHECK(stat(path, &status) == 0 && status.st_size > 0);
    FS_CHECK(stat(moved, &status) == 0 && status.st_size == 0);
    fixture_close(&one);
}

#define TESTS(T)                                                                     \
    T(a_started_server_serves_and_says_where)                                        \
    T(several_servers_live_in_one_process)                                           \
    T(a_hundred_starts_and_stops_give_every_descriptor_back)                         \
    T(a_server_can_be_destroyed_without_a_start)                                     \
    T(a_second_start_is_refused)                                                     \
    T(a_port_in_use_fails_the_start_which_can_be_tried_again)                        \
    T(a_missing_strategy_fails_the_start_which_can_be_tried_again)                   \
    T(a_data_folder_that_is_a_file_fails_the_start_which_can_be_tried_again)         \
    T(a_certificate_that_cannot_be_read_fails_the_start)                             \
    T(an_admin_token_that_others_can_write_fails_the_start_and_one_to_read_does_not) \
    T(the_admin_token_is_made_once_and_private)                                      \
    T(wrong_settings_make_no_server)                                                 \
    T(a_stop_under_load_is_clean)                                                    \
    T(a_stop_answers_what_the_strategy_still_decides)                                \
    T(stop_now_before_a_start_breaks_it_off_and_then_is_over)                        \
    T(stop_now_cuts_a_client_that_never_finishes)                                    \
    T(a_stop_ends_in_time_whatever_a_client_does)                                    \
    T(wait_returns_when_another_thread_has_stopped_the_server)                       \
    T(a_reload_takes_limits_and_names_what_must_wait)                                \
    T(a_reload_opens_the_access_log_anew)                                            \
    T(a_bad_file_changes_nothing)

FS_SUITE("server/server", TESTS)
