/* One Redis server in memory: keys, clock and scripts, without a socket.
 *
 * It runs the strategies' own Lua scripts with Lua 5.1 on the commands that the strategies use, and
 * replies as Redis 7.0 does, with the same error texts.  The same commands at the same clock give the
 * same replies and the same data.  sim/store compares it with a real redis-server.
 *
 * A command that it does not know ends the process with the command's name: a simulation that went on
 * would prove nothing.  So does running out of memory.
 *
 * Connections, replicas, slots (MOVED, ASK) and time-outs are the simulated world's, not the store's.
 * Everything here is used by one thread. */
#ifndef FS_TESTS_SIM_STORE_H
#define FS_TESTS_SIM_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <flashsale/strategy.h>

#include "sim/memory.h"

struct sim_lua; /* a Lua interpreter with the scripts that it has compiled; one serves all stores */
struct sim_store; /* one server */

/* A reply and the memory behind it.  Zero it to init; texts and items are valid until it is disposed
 * or used for another command. */
struct sim_reply {
    struct fs_reply reply; /* errors are FS_REPLY_REFUSED or FS_REPLY_ERROR, as core/store says */
    struct sim_memory memory;
};

void sim_reply_dispose(struct sim_reply *reply);

/* Keeps compiled scripts for as long as the process runs simulations: compiling them costs more than
 * running most of them. */
struct sim_lua *sim_lua_create(void);
void sim_lua_destroy(struct sim_lua *lua); /* after the stores that use it */

/* lua: borrowed until the store is destroyed.  The store is empty, knows no scripts, and its clock
 * stands at 0. */
struct sim_store *sim_store_create(struct sim_lua *lua, const char *name);
void sim_store_destroy(struct sim_store *store);
const char *sim_store_name(const struct sim_store *store);

/* What TIME returns, and what time to live and stream ids go by, from now on.  It may go backwards. */
void sim_store_set_clock(struct sim_store *store, int64_t unix_us);
int64_t sim_store_clock(const struct sim_store *store);

/* Runs one command: argv[0] is its name, EVAL, EVALSHA and SCRIPT LOAD included. */
void sim_store_run(struct sim_store *store, size_t argc, const struct fs_text *argv,
                   struct sim_reply *reply);

/* As the server sends a script: EVALSHA, and EVAL when the reply is NOSCRIPT and is_sent_again.  The
 * first key_count of argv are KEYS. */
void sim_store_run_script(struct sim_store *store, const struct fs_script *script,
                          bool is_sent_again, size_t key_count, size_t argc,
                          const struct fs_text *argv, struct sim_reply *reply);

/* History.  The position rises by one with each command (a script is one) that changed data. */
uint64_t sim_store_position(const struct sim_store *store);

/* The store as it was at a position that it has passed: for a restart that lost its tail, and for a
 * replica that lags.  It knows no scripts, has the clock of `store`, and no mode or denied command. */
struct sim_store *sim_store_copy_at(const struct sim_store *store, uint64_t position);

/* Takes over what `source` has changed since `store` was copied from it, up to `position`: a replica
 * that catches up.  store must not have changed anything of its own. */
void sim_store_follow(struct sim_store *store, const struct sim_store *source, uint64_t position);

void sim_store_forget_scripts(struct sim_store *store); /* SCRIPT FLUSH: NOSCRIPT from now on */
void sim_store_empty(struct sim_store *store);          /* FLUSHALL; a step of the history */

/* What the server replies instead of running commands. */
enum sim_store_mode {
    SIM_STORE_NORMAL,
    SIM_STORE_OOM,        /* commands that need memory; a script at its first write */
    SIM_STORE_READONLY,   /* writes: it is a replica */
    SIM_STORE_LOADING,    /* everything: it reads its data */
    SIM_STORE_MISCONF,    /* writes: it cannot save */
    SIM_STORE_NOREPLICAS, /* writes: min-replicas-to-write */
    SIM_STORE_MASTERDOWN, /* everything but SCRIPT and the like: a replica without its primary */
    SIM_STORE_BUSY        /* everything: a script does not end */
};
void sim_store_set_mode(struct sim_store *store, enum sim_store_mode mode);

/* ACL: the command is denied, at the top and inside scripts, or no longer. */
void sim_store_deny(struct sim_store *store, const char *command, bool is_denied);

/* What WAIT returns, at once; 0 from the start. */
void sim_store_set_replicas(struct sim_store *store, unsigned acknowledged);

/* HSCAN returns at most this many fields at once, whatever COUNT says; from the start: all, as Redis
 * does for small hashes. */
void sim_store_set_scan_max(struct sim_store *store, size_t fields);

/* Writes every key with its value, sorted, for people. */
void sim_store_print(struct sim_store *store, FILE *out);

/* Coverage: from the first call on, which lines and branches of each script run, over all stores.  It
 * slows scripts down several times.  The report names each line that did not run and each way that a
 * branch never took; lines are those of the script as it is sent, its files one after the other. */
void sim_lua_record_coverage(struct sim_lua *lua);
void sim_lua_print_coverage(const struct sim_lua *lua, FILE *out);

#endif
