/* The interpreter behind the in-process store, and what of each script has run. */
#ifndef FS_TESTS_SIM_STORE_LUA_H
#define FS_TESTS_SIM_STORE_LUA_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "sim/store_commands.h"

#define SIM_DIGEST_LEN 40u

struct sim_coverage;
struct sim_trail;

struct sim_script {
    char digest[SIM_DIGEST_LEN + 1];
    char *source;     /* owned */
    const char *name; /* of the strategy's; NULL: sent as text only */
    int function;     /* in the registry */
    struct sim_coverage *coverage;
};

struct sim_sent {
    const struct fs_script *script;
    size_t number;
};

struct sim_lua {
    /* constant after create */
    lua_State *state;
    int environment; /* in the registry */

    /* owned; grow as scripts come and run */
    struct sim_script *scripts;
    size_t script_count, script_capacity;
    struct sim_sent *sent;
    size_t sent_count, sent_capacity;
    struct fs_text *words; /* of the command that a script runs */
    char *numbers;         /* of those words that are numbers */
    size_t word_capacity;
    struct fs_text *script_words; /* of the EVALSHA that is run */
    size_t script_word_capacity;
    struct sim_memory memory; /* of the reply to the command that a script runs */

    /* of the script that runs */
    struct sim_store *store;
    bool is_dirty; /* it has written, or tried to: from here on nothing refuses its writes */

    struct sim_trail *trail; /* owned: of its lines; NULL: they are not recorded */
};

void sim_digest(struct fs_text source, char digest[SIM_DIGEST_LEN + 1]);

/* Libraries, the table "redis", and the environment of scripts. */
void sim_lua_set_up(struct sim_lua *lua);

/* A table as redis.pcall() returns an error. */
void sim_push_error(lua_State *state, const char *prefix, struct fs_text text);

void sim_coverage_begin(struct sim_lua *lua, size_t number);
void sim_coverage_end(struct sim_lua *lua);
void sim_coverage_dispose(struct sim_lua *lua);

#endif
