/* The in-process store against a real redis-server: the same random commands, the same replies, and in
 * the end the same data.  Modes (out of memory, replica, ...) and rights change on the way. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/text.h"
#include "sim/random_commands.h"
#include "sim/store.h"
#include "support/redis_server.h"

#define BATCH 32u      /* commands that are on their way at once */
#define DUMP_EVERY 40u /* batches between two comparisons of all data */
#define COMMANDS_DEFAULT 20000u
#define COMMANDS_MAX 1000000000u
#define TIMED_MIN 900 /* times to live are drawn longer than that */
#define TIMED_TOLERANCE 60000
#define DENIED_MAX 3u

struct differ {
    struct fs_redis_server server;
    redisContext *link;
    redisContext *busy; /* runs the script that does not end */
    struct sim_lua *lua;
    struct sim_store *store;
    struct sim_reply reply;
    struct fs_random random;
    uint64_t seed;
    uint64_t commands; /* of the whole run */
    uint64_t number;   /* of the command that is compared */
    enum sim_store_mode mode;
    const char *denied[DENIED_MAX];
    struct sim_line lines[BATCH];
};

__attribute__((noreturn)) static void usage(const char *program, const char *problem,
                                            const char *value)
{
    fprintf(stderr,
            "%s: %s\nusage: %s [--seed NUMBER] [--commands NUMBER]\n"
            "  --seed      what the commands are drawn from; also FS_SEED; from the clock\n"
            "  --commands  how many are compared, 1 to %u; %u\n",
            problem, value, program, COMMANDS_MAX, COMMANDS_DEFAULT);
    exit(2);
}

/* The real server */

static redisReply *tell(struct differ *differ, const char *line)
{
    redisReply *reply = redisCommand(differ->link, line);

    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "sim/store: %s: %s\n", line, reply ? reply->str : differ->link->errstr);
        exit(2);
    }
    return reply;
}

static void do_tell(struct differ *differ, const char *line)
{
    freeReplyObject(tell(differ, line));
}

/* A save that fails, once: from then on saving again is all that MISCONF needs. */
static void fail_to_save(struct differ *differ)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/taken", differ->server.dir);
    mkdir(path, 0700);
    do_tell(differ, "BGSAVE");
    for (;;) {
        redisReply *reply = tell(differ, "INFO persistence");
        bool has_failed = strstr(reply->str, "rdb_last_bgsave_status:err") != NULL;

        freeReplyObject(reply);
        if (has_failed)
            return;
    }
}

static void begin_busy(struct differ *differ)
{
    do_tell(differ, "CONFIG SET busy-reply-threshold 1");
    redisAppendCommand(differ->busy, "EVAL %s 0", "while true do end");
    for (int done = 0; !done;)
        redisBufferWrite(differ->busy, &done);
    for (bool is_busy = false; !is_busy;) { /* the test's time limit ends it */
        redisReply *reply = redisCommand(differ->link, "PING");

        is_busy = reply && reply->type == REDIS_REPLY_ERROR;
        freeReplyObject(reply);
    }
}

static void end_busy(struct differ *differ)
{
    void *reply = NULL;

    do_tell(differ, "SCRIPT KILL");
    redisGetReply(differ->busy, &reply);
    freeReplyObject(reply);
    do_tell(differ, "CONFIG SET busy-reply-threshold 5000");
}

static void set_mode(struct differ *differ, enum sim_store_mode mode)
{
    static const struct {
        const char *on;
        const char *off;
    } switches[] = {
        [SIM_STORE_OOM] = {"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"},
        [SIM_STORE_READONLY] = {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"},
        [SIM_STORE_MASTERDOWN] = {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"},
        [SIM_STORE_MISCONF] = {"CONFIG SET save 100000", NULL},
        [SIM_STORE_NOREPLICAS] = {"CONFIG SET min-replicas-to-write 1",
                                  "CONFIG SET min-replicas-to-write 0"},
        [SIM_STORE_BUSY] = {NULL, NULL},
    };

    if (differ->mode == SIM_STORE_BUSY)
        end_busy(differ);
    else if (differ->mode == SIM_STORE_MISCONF)
        freeReplyObject(redisCommand(differ->link, "CONFIG SET save %s", ""));
    else if (differ->mode != SIM_STORE_NORMAL)
        do_tell(differ, switches[differ->mode].off);
    differ->mode = mode;
    sim_store_set_mode(differ->store, mode);
    if (mode == SIM_STORE_READONLY || mode == SIM_STORE_MASTERDOWN)
        do_tell(differ, mode == SIM_STORE_READONLY ? "CONFIG SET replica-serve-stale-data yes"
                                                   : "CONFIG SET replica-serve-stale-data no");
    if (mode == SIM_STORE_MISCONF)
        freeReplyObject(redisCommand(differ->link, "CONFIG SET save %s", "100000 100000"));
    else if (mode == SIM_STORE_BUSY)
        begin_busy(differ);
    else if (mode != SIM_STORE_NORMAL)
        do_tell(differ, switches[mode].on);
}

static void set_denied(struct differ *differ, size_t at, const char *command, bool is_denied)
{
    char line[64];

    snprintf(line, sizeof(line), "ACL SETUSER default %c%s", is_denied ? '-' : '+', command);
    do_tell(differ, line);
    sim_store_deny(differ->store, command, is_denied);
    differ->denied[at] = is_denied ? command : NULL;
}

static void restore_surroundings(struct differ *differ)
{
    if (differ->mode != SIM_STORE_NORMAL)
        set_mode(differ, SIM_STORE_NORMAL);
    for (size_t i = 0; i < DENIED_MAX; i++)
        if (differ->denied[i])
            set_denied(differ, i, differ->denied[i], false);
}

#define pick(differ, list) \
    (list)[fs_random_below(&(differ)->random, sizeof(list) / sizeof((list)[0]))]

/* Most batches run without any of it. */
static void change_surroundings(struct differ *differ)
{
    static const char *const deniable[] = {
        "hset", "xadd", "hget",   "hmget", "del",  "hincrby", "set",     "unlink",
        "hlen", "xlen", "exists", "hdel",  "time", "eval",    "evalsha", "get"};
    static const enum sim_store_mode modes[] = {SIM_STORE_OOM,        SIM_STORE_READONLY,
                                                SIM_STORE_MASTERDOWN, SIM_STORE_MISCONF,
                                                SIM_STORE_NOREPLICAS, SIM_STORE_BUSY};

    restore_surroundings(differ);
    if (fs_random_below(&differ->random, 10) == 0) {
        size_t count = 1 + fs_random_below(&differ->random, DENIED_MAX);

        for (size_t i = 0; i < count; i++)
            set_denied(differ, i, pick(differ, deniable), true);
    } else if (fs_random_below(&differ->random, 8) == 0) {
        set_mode(differ, pick(differ, modes));
    }
}

/* Comparing */

static void print_bytes(struct fs_text text)
{
    putc('"', stderr);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= ' ' && text.data[i] <= '~')
            putc(text.data[i], stderr);
        else
            fprintf(stderr, "\\x%02x", (unsigned char)text.data[i]);
    fputs("\" ", stderr);
}

static void print_real(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        fprintf(stderr, "%lld ", reply->integer);
    else if (reply->type == REDIS_REPLY_NIL)
        fputs("nil ", stderr);
    else if (reply->type != REDIS_REPLY_ARRAY)
        print_bytes((struct fs_text){reply->str, (size_t)reply->len});
    else {
        fputs("[ ", stderr);
        for (size_t i = 0; i < reply->elements; i++)
            print_real(reply->element[i]);
        fputs("] ", stderr);
    }
}

static void print_ours(const struct fs_reply *reply)
{
    if (reply->kind == FS_REPLY_INTEGER)
        fprintf(stderr, "%" PRId64 " ", reply->integer);
    else if (reply->kind == FS_REPLY_NIL)
        fputs("nil ", stderr);
    else if (reply->kind != FS_REPLY_LIST)
        print_bytes(reply->text);
    else {
        fputs("[ ", stderr);
        for (size_t i = 0; i < reply->item_count; i++)
            print_ours(&reply->items[i]);
        fputs("] ", stderr);
    }
}

static bool is_stream_id(struct fs_text text)
{
    return text.len > 14 && text.data[13] == '-' && text.data[0] == '1';
}

static bool same_text(const redisReply *real, struct fs_text ours, bool is_timed)
{
    struct fs_text text = {real->str, (size_t)real->len};

    return fs_text_equals(text, ours) || (is_timed && is_stream_id(text) && is_stream_id(ours));
}

static bool same(const redisReply *real, const struct fs_reply *ours, bool is_timed)
{
    switch (real->type) {
    case REDIS_REPLY_INTEGER:
        return ours->kind == FS_REPLY_INTEGER &&
               (ours->integer == real->integer ||
                (is_timed && ours->integer > TIMED_MIN && real->integer > TIMED_MIN &&
                 llabs(ours->integer - real->integer) < TIMED_TOLERANCE));
    case REDIS_REPLY_NIL:
        return ours->kind == FS_REPLY_NIL;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return ours->kind == FS_REPLY_TEXT && same_text(real, ours->text, is_timed);
    case REDIS_REPLY_ERROR:
        return (ours->kind == FS_REPLY_ERROR || ours->kind == FS_REPLY_REFUSED) &&
               same_text(real, ours->text, false);
    default:
        if (ours->kind != FS_REPLY_LIST || real->elements != ours->item_count)
            return false;
        for (size_t i = 0; i < real->elements; i++)
            if (!same(real->element[i], &ours->items[i], is_timed))
                return false;
        return true;
    }
}

static int compare_texts(const void *left, const void *right)
{
    const redisReply *a = *(redisReply *const *)left;
    const redisReply *b = *(redisReply *const *)right;

    return strcmp(a->str, b->str);
}

static int compare_items(const void *left, const void *right)
{
    struct fs_text a = ((const struct fs_reply *)left)->text;
    struct fs_text b = ((const struct fs_reply *)right)->text;
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Both in an order of ours. */
static void sort(redisReply *real, struct fs_reply *ours)
{
    if (real->type == REDIS_REPLY_ARRAY && real->elements > 1)
        qsort(real->element, real->elements, sizeof(real->element[0]), compare_texts);
    if (ours->kind == FS_REPLY_LIST && ours->item_count > 1)
        qsort((void *)(uintptr_t)ours->items, ours->item_count, sizeof(ours->items[0]),
              compare_items);
}

__attribute__((noreturn)) static void differs(struct differ *differ, const struct sim_line *line,
                                              const redisReply *real)
{
    fprintf(stderr,
            "\nsim/store: command %" PRIu64 " of seed %" PRIu64 " in mode %d: ", differ->number,
            differ->seed, (int)differ->mode);
    for (size_t i = 0; i < line->argc; i++)
        print_bytes(line->argv[i]);
    fputs("\n  redis-server replies ", stderr);
    print_real(real);
    fputs("\n  the simulated store  ", stderr);
    print_ours(&differ->reply.reply);
    fprintf(stderr, "\nreplay: FS_SEED=%" PRIu64 " test_sim_differ --commands %" PRIu64 "\n",
            differ->seed, differ->commands);
    redisFree(differ->link);
    redisFree(differ->busy);
    fs_redis_server_stop(&differ->server);
    exit(1);
}

static void send_line(struct differ *differ, const struct sim_line *line)
{
    const char *words[SIM_LINE_WORDS_MAX];
    size_t lens[SIM_LINE_WORDS_MAX];

    for (size_t i = 0; i < line->argc; i++) {
        words[i] = line->argv[i].data;
        lens[i] = line->argv[i].len;
    }
    redisAppendCommandArgv(differ->link, (int)line->argc, words, lens);
}

static void compare(struct differ *differ, struct sim_line *line)
{
    void *object = NULL;

    if (redisGetReply(differ->link, &object) != REDIS_OK) {
        fprintf(stderr, "sim/store: redis-server: %s (FS_SEED=%" PRIu64 ")\n", differ->link->errstr,
                differ->seed);
        exit(2);
    }
    sim_store_run(differ->store, line->argc, line->argv, &differ->reply);
    if (line->is_unordered)
        sort(object, &differ->reply.reply);
    if (!same(object, &differ->reply.reply, line->is_timed))
        differs(differ, line, object);
    freeReplyObject(object);
}

static void one(struct differ *differ, const char *command, const char *key, const char *rest,
                bool is_unordered)
{
    struct sim_line *line = &differ->lines[0];

    *line = (struct sim_line){.is_unordered = is_unordered, .is_timed = true};
    line->argv[line->argc++] = fs_text_of(command);
    line->argv[line->argc++] = fs_text_of(key);
    for (; *rest; rest += 1 + (rest[1] == ' '))
        line->argv[line->argc++] = (struct fs_text){rest, 1};
    send_line(differ, line);
    compare(differ, line);
}

/* All that both hold. */
static void compare_data(struct differ *differ)
{
    for (size_t i = 0; sim_line_key(i); i++) {
        const char *key = sim_line_key(i);

        one(differ, "TYPE", key, "", false);
        one(differ, "PTTL", key, "", false);
        one(differ, "HGETALL", key, "", false);
        one(differ, "XRANGE", key, "- +", false);
        one(differ, "XLEN", key, "", false);
        one(differ, "GET", key, "", false);
        one(differ, "SMEMBERS", key, "", true);
    }
}

static int64_t now_us(void)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

static void run(struct differ *differ)
{
    for (uint64_t batch = 0; differ->number < differ->commands; batch++) {
        change_surroundings(differ);
        sim_store_set_clock(differ->store, now_us());
        for (size_t i = 0; i < BATCH; i++) {
            /* A clock of the scripts that the seed alone decides. */
            sim_line_draw(&differ->lines[i], &differ->random, INT64_C(1700000000000));
            send_line(differ, &differ->lines[i]);
        }
        for (size_t i = 0; i < BATCH; i++, differ->number++)
            compare(differ, &differ->lines[i]);
        if (batch % DUMP_EVERY == DUMP_EVERY - 1) {
            for (size_t i = 0; i < DENIED_MAX; i++)
                if (differ->denied[i])
                    set_denied(differ, i, differ->denied[i], false);
            set_mode(differ, SIM_STORE_NORMAL);
            compare_data(differ);
        }
    }
}

static void set_up(struct differ *differ)
{
    /* Small encodings throughout: they keep the order of fields, as the simulated store does. */
    static const char *const settings[] = {"--hash-max-listpack-entries",
                                           "1000000",
                                           "--hash-max-listpack-value",
                                           "1000000",
                                           "--stream-node-max-bytes",
                                           "0",
                                           "--dbfilename",
                                           "taken",
                                           NULL};

    fs_redis_server_start(&differ->server, settings);
    differ->link = redisConnectUnix(differ->server.socket);
    differ->busy = redisConnectUnix(differ->server.socket);
    if (!differ->link || differ->link->err || !differ->busy || differ->busy->err)
        exit(2);
    fail_to_save(differ);
    differ->lua = sim_lua_create();
    differ->store = sim_store_create(differ->lua, "differ");
}

static uint64_t number_of(const char *program, const char *option, const char *value, uint64_t max)
{
    char problem[64];
    uint64_t number;

    if (value && fs_text_to_u64(fs_text_of(value), max, &number) == 0)
        return number;
    snprintf(problem, sizeof(problem), "%s is not a number", option);
    usage(program, problem, value ? value : "(nothing)");
}

int main(int argc, char **argv)
{
    struct differ *differ = calloc(1, sizeof(*differ));
    const char *given = getenv("FS_SEED");

    if (!differ)
        return 2;
    differ->commands = COMMANDS_DEFAULT;
    differ->seed = given ? number_of(argv[0], "FS_SEED", given, UINT64_MAX) : (uint64_t)now_us();
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            differ->seed = number_of(argv[0], "--seed", argv[i + 1], UINT64_MAX);
        else if (strcmp(argv[i], "--commands") == 0)
            differ->commands = number_of(argv[0], "--commands", argv[i + 1], COMMANDS_MAX);
        else
            usage(argv[0], "unknown option", argv[i]);
    }
    differ->random = (struct fs_random){differ->seed};
    set_up(differ);
    run(differ);
    printf("%" PRIu64 " commands, the same replies (FS_SEED=%" PRIu64 ")\n", differ->number,
           differ->seed);
    redisFree(differ->link);
    redisFree(differ->busy);
    fs_redis_server_stop(&differ->server);
    sim_reply_dispose(&differ->reply);
    sim_store_destroy(differ->store);
    sim_lua_destroy(differ->lua);
    free(differ);
    return 0;
}
