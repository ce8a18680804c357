/* Real redis-server processes for tests: in a temporary folder each, on a unix socket and a free port
 * of 127.0.0.1, ended by their own pid; a test that dies takes them with it. */
#ifndef FS_TESTS_SUPPORT_REDIS_SERVER_H
#define FS_TESTS_SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include <hiredis/hiredis.h>

#define FS_REDIS_SERVER_ARGS_MAX 40

struct fs_redis_server {
    pid_t pid;       /* 0: not running */
    char dir[64];    /* owned: removed by stop */
    char socket[96]; /* in dir */
    int port;
    char unix_url[112];
    char tcp_url[64];
    char arguments[FS_REDIS_SERVER_ARGS_MAX][96];
    int argument_count;
    redisContext *session; /* the test's own connection, opened when first asked */
};

/* settings: further arguments such as "--appendonly", "yes", up to a NULL; may be NULL.  Without them
 * it keeps nothing on disk.  Ends the program with a message when it cannot be started: nothing that
 * follows would mean anything.  Called by the main thread.  Returns server. */
struct fs_redis_server *fs_redis_server_start(struct fs_redis_server *server,
                                              const char *const *settings);
void fs_redis_server_stop(struct fs_redis_server *server);

/* SIGKILL, and gone when this returns; the folder stays. */
void fs_redis_server_kill(struct fs_redis_server *server);

/* After a kill: the same folder, socket, port and settings.  Returns when it answers;
 * the second also when it answers that it is still loading its data. */
void fs_redis_server_restart(struct fs_redis_server *server);
void fs_redis_server_restart_loading(struct fs_redis_server *server);

void fs_redis_server_pause(const struct fs_redis_server *server);  /* SIGSTOP */
void fs_redis_server_resume(const struct fs_redis_server *server); /* SIGCONT */

/* One command, words parted by single spaces, on a connection of the test's own; the reply is to be
 * freed.  NULL: no answer. */
redisReply *fs_redis_server_ask(struct fs_redis_server *server, const char *line);

/* As above, for its number: of an integer or of digits; -1 for nil; dies for anything else. */
long long fs_redis_server_number(struct fs_redis_server *server, const char *line);

/* A folder for a test under $TMPDIR or /tmp, and its end with all that is in it. */
void fs_test_dir_make(char dir[64]);
void fs_test_dir_remove(const char *dir);

/* A port of 127.0.0.1 for this process until it ends, also while its server is down: the system hands
 * it to nobody by itself, and other tests leave it alone. */
int fs_test_free_port(void);

#endif
