/* Starts redis-server by fork and exec; the child gets SIGKILL when the test ends. */
#include "support/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_MS 20000
#define WORDS_MAX 16

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "\nredis-server of a test: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

void fs_test_dir_make(char dir[64])
{
    const char *base = getenv("TMPDIR");

    snprintf(dir, 64, "%.40s/fs-redis-XXXXXX", base && strlen(base) <= 40 ? base : "/tmp");
    if (!mkdtemp(dir))
        die("no temporary folder");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void fs_test_dir_remove(const char *dir)
{
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Takes the port's name, which tests in Python ask for as well, and sees whether nobody else listens. */
static bool take_port(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len =
        snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "flashsale-test-port-%d", port);
    socklen_t name_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int holder = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_mine;

    if (holder < 0 || probe < 0)
        die("no socket");
    setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    is_mine = bind(holder, (struct sockaddr *)&name, name_len) == 0 &&
              bind(probe, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(probe);
    if (!is_mine)
        close(holder); /* else it stays open, and with it the name, until the test ends */
    return is_mine;
}

int fs_test_free_port(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    char range[64] = "";
    char *end = range;
    int low, high, first, count;

    if (!file || !fgets(range, sizeof(range), file))
        die("no range of ports");
    fclose(file);
    low = (int)strtol(range, &end, 10);
    high = (int)strtol(end, NULL, 10);
    first = low > 20000 || high == 65535 ? 10000 : high + 1;
    count = (low > 20000 ? low : high == 65535 ? 60000 : 65536) - first;
    for (int i = 0; i < count; i++) {
        int port = first + (int)((97u * (unsigned)getpid() + (unsigned)i) % (unsigned)count);

        if (take_port(port))
            return port;
    }
    die("no free port");
}

static void add_argument(struct fs_redis_server *server, const char *text)
{
    int at = server->argument_count++;

    if (at >= FS_REDIS_SERVER_ARGS_MAX || strlen(text) >= sizeof(server->arguments[0]))
        die("too many or too long settings");
    memcpy(server->arguments[at], text, strlen(text) + 1);
}

static void run(struct fs_redis_server *server)
{
    char *argv[FS_REDIS_SERVER_ARGS_MAX + 2] = {(char *)(uintptr_t) "redis-server"};
    pid_t parent = getpid();

    for (int i = 0; i < server->argument_count; i++)
        argv[i + 1] = server->arguments[i];
    server->pid = fork();
    if (server->pid < 0)
        die("fork");
    if (server->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    execvp(argv[0], argv);
    _exit(127);
}

static bool answers(const struct fs_redis_server *server, bool may_load)
{
    redisContext *session = redisConnectUnix(server->socket);
    redisReply *reply = session && !session->err ? redisCommand(session, "PING") : NULL;
    bool ok = reply && (reply->type == REDIS_REPLY_STATUS ||
                        (reply->type == REDIS_REPLY_ERROR &&
                         (strncmp(reply->str, "NOAUTH", 6) == 0 ||
                          (may_load && strncmp(reply->str, "LOADING", 7) == 0))));

    if (reply)
        freeReplyObject(reply);
    if (session)
        redisFree(session);
    return ok;
}

static void await(struct fs_redis_server *server, bool may_load)
{
    for (int waited_ms = 0; waited_ms < START_TIMEOUT_MS; waited_ms += 5) {
        if (answers(server, may_load))
            return;
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            die("it ended as it started (is redis-server installed?)");
        }
        pause_ms(5);
    }
    die("it does not answer");
}

struct fs_redis_server *fs_redis_server_start(struct fs_redis_server *server,
                                              const char *const *settings)
{
    static const char *const fixed[] = {"--save",     "",        "--daemonize",
                                        "no",         "--bind",  "127.0.0.1",
                                        "--loglevel", "warning", "--enable-debug-command",
                                        "yes"};
    char port[16];

    *server = (struct fs_redis_server){.port = fs_test_free_port()};
    fs_test_dir_make(server->dir);
    snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->dir);
    snprintf(server->unix_url, sizeof(server->unix_url), "unix:%s", server->socket);
    snprintf(server->tcp_url, sizeof(server->tcp_url), "redis://127.0.0.1:%d", server->port);
    snprintf(port, sizeof(port), "%d", server->port);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        add_argument(server, fixed[i]);
    add_argument(server, "--port");
    add_argument(server, port);
    add_argument(server, "--unixsocket");
    add_argument(server, server->socket);
    add_argument(server, "--dir");
    add_argument(server, server->dir);
    add_argument(server, "--logfile");
    add_argument(server, "redis.log");
    for (; settings && *settings; settings++)
        add_argument(server, *settings);
    run(server);
    await(server, false);
    return server;
}

static void close_session(struct fs_redis_server *server)
{
    if (server->session)
        redisFree(server->session);
    server->session = NULL;
}

void fs_redis_server_kill(struct fs_redis_server *server)
{
    close_session(server);
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    server->pid = 0;
}

void fs_redis_server_restart(struct fs_redis_server *server)
{
    run(server);
    await(server, false);
}

void fs_redis_server_restart_loading(struct fs_redis_server *server)
{
    run(server);
    await(server, true);
}

void fs_redis_server_stop(struct fs_redis_server *server)
{
    fs_redis_server_kill(server);
    fs_test_dir_remove(server->dir);
}

void fs_redis_server_pause(const struct fs_redis_server *server)
{
    kill(server->pid, SIGSTOP);
}

void fs_redis_server_resume(const struct fs_redis_server *server)
{
    kill(server->pid, SIGCONT);
}

redisReply *fs_redis_server_ask(struct fs_redis_server *server, const char *line)
{
    const char *words[WORDS_MAX];
    size_t lens[WORDS_MAX];
    int count = 0;

    while (*line && count < WORDS_MAX) {
        words[count] = line;
        lens[count] = strcspn(line, " ");
        line += lens[count] + (line[lens[count]] == ' ');
        count++;
    }
    if (!server->session)
        server->session = redisConnectUnix(server->socket);
    if (!server->session || server->session->err)
        die("no connection");
    return redisCommandArgv(server->session, count, words, lens);
}

long long fs_redis_server_number(struct fs_redis_server *server, const char *line)
{
    redisReply *reply = fs_redis_server_ask(server, line);
    long long number = -1;

    if (!reply || (reply->type != REDIS_REPLY_INTEGER && reply->type != REDIS_REPLY_STRING &&
                   reply->type != REDIS_REPLY_NIL)) {
        fprintf(stderr, "%s: %s\n", line, reply && reply->str ? reply->str : "no number");
        die("asked for a number");
    }
    if (reply->type == REDIS_REPLY_INTEGER)
        number = reply->integer;
    else if (reply->type == REDIS_REPLY_STRING)
        number = strtoll(reply->str, NULL, 10);
    freeReplyObject(reply);
    return number;
}
