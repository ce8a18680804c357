/* Which lines of the scripts ran, and which line after which: the branches. */
#include "sim/store_lua.h"

#include <stdlib.h>

struct sim_coverage {
    size_t line_count;
    uint64_t *runs;  /* by line, from 1 */
    uint64_t *pairs; /* by line and the line that ran before it in this run; 0: the beginning */
};

static struct sim_coverage *coverage_of(struct sim_script *script)
{
    size_t lines = 1;

    if (script->coverage)
        return script->coverage;
    for (const char *at = script->source; *at; at++)
        lines += *at == '\n';
    script->coverage = calloc(1, sizeof(*script->coverage));
    if (!script->coverage)
        abort();
    script->coverage->line_count = lines + 1;
    script->coverage->runs = calloc(lines + 1, sizeof(uint64_t));
    script->coverage->pairs = calloc((lines + 1) * (lines + 1), sizeof(uint64_t));
    if (!script->coverage->runs || !script->coverage->pairs)
        abort();
    return script->coverage;
}

static void on_line(lua_State *state, lua_Debug *where)
{
    struct sim_coverage *coverage;
    struct sim_lua *lua;
    size_t line = (size_t)where->currentline;

    lua_getfield(state, LUA_REGISTRYINDEX, "sim_lua");
    lua = lua_touserdata(state, -1);
    lua_pop(state, 1);
    coverage = lua->scripts[lua->covered].coverage;
    if (line >= coverage->line_count)
        return;
    coverage->runs[line]++;
    coverage->pairs[(size_t)lua->last_line * coverage->line_count + line]++;
    lua->last_line = where->currentline;
}

void sim_lua_record_coverage(struct sim_lua *lua)
{
    lua->is_covered = true;
    lua_pushlightuserdata(lua->state, lua);
    lua_setfield(lua->state, LUA_REGISTRYINDEX, "sim_lua");
}

void sim_coverage_begin(struct sim_lua *lua, size_t number)
{
    coverage_of(&lua->scripts[number]);
    lua->covered = number;
    lua->last_line = 0;
    lua_sethook(lua->state, on_line, LUA_MASKLINE, 0);
}

void sim_coverage_end(struct sim_lua *lua)
{
    lua_sethook(lua->state, NULL, 0, 0);
}

void sim_coverage_dispose(struct sim_lua *lua)
{
    for (size_t i = 0; i < lua->script_count; i++) {
        struct sim_coverage *coverage = lua->scripts[i].coverage;

        if (coverage) {
            free(coverage->runs);
            free(coverage->pairs);
            free(coverage);
        }
    }
}
