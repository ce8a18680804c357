/* What scripts find: redis.call() and the like, and globals that nobody can change. */
#include "sim/store_lua.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define SIM_LUA_NUMBER_SIZE 32u

static struct sim_lua *lua_of(lua_State *state)
{
    return lua_touserdata(state, lua_upvalueindex(1));
}

/* What scripts call */

void sim_push_error(lua_State *state, const char *prefix, struct fs_text text)
{
    lua_createtable(state, 0, 1);
    lua_pushstring(state, prefix);
    lua_pushlstring(state, text.data, text.len);
    lua_concat(state, 2);
    lua_setfield(state, -2, "err");
}

static void push_reply(lua_State *state, const struct fs_reply *reply)
{
    luaL_checkstack(state, 4, "reply");
    if (sim_reply_is_error(reply)) {
        sim_push_error(state, "", reply->text);
    } else if (sim_reply_is_status(reply)) {
        lua_createtable(state, 0, 1);
        lua_pushlstring(state, reply->text.data, reply->text.len);
        lua_setfield(state, -2, "ok");
    } else if (reply->kind == FS_REPLY_TEXT) {
        lua_pushlstring(state, reply->text.data, reply->text.len);
    } else if (reply->kind == FS_REPLY_INTEGER) {
        lua_pushnumber(state, (lua_Number)reply->integer);
    } else if (reply->kind == FS_REPLY_LIST) {
        lua_createtable(state, (int)reply->item_count, 0);
        for (size_t i = 0; i < reply->item_count; i++) {
            push_reply(state, &reply->items[i]);
            lua_rawseti(state, -2, (int)i + 1);
        }
    } else {
        lua_pushboolean(state, false);
    }
}

/* Numbers become texts as Redis makes them. */
static struct fs_text number_text(lua_Number number, char text[SIM_LUA_NUMBER_SIZE])
{
    int len;

    if (number == (lua_Number)(int64_t)number && number < 1e15 && number > -1e15)
        return sim_number(text, (int64_t)number);
    len = snprintf(text, SIM_LUA_NUMBER_SIZE, "%.17g", number);
    return (struct fs_text){text, (size_t)len};
}

/* The words on the stack.  NULL: an error is on the stack instead. */
static const struct fs_text *words_of(struct sim_lua *lua, lua_State *state, size_t argc)
{
    if (argc == 0) {
        sim_push_error(state, "ERR ",
                       FS_TEXT("Please specify at least one argument for this redis lib call"));
        return NULL;
    }
    if (argc > lua->word_capacity) {
        size_t capacity = lua->word_capacity;

        lua->words = sim_grow(lua->words, &lua->word_capacity, argc, sizeof(*lua->words));
        lua->numbers = sim_grow(lua->numbers, &capacity, lua->word_capacity, SIM_LUA_NUMBER_SIZE);
    }
    for (size_t i = 0; i < argc; i++) {
        int index = (int)i + 1;

        if (lua_type(state, index) == LUA_TNUMBER) {
            lua->words[i] =
                number_text(lua_tonumber(state, index), lua->numbers + i * SIM_LUA_NUMBER_SIZE);
        } else {
            lua->words[i].data = lua_tolstring(state, index, &lua->words[i].len);
            if (!lua->words[i].data) {
                sim_push_error(
                    state, "ERR ",
                    FS_TEXT("Lua redis lib command arguments must be strings or integers"));
                return NULL;
            }
        }
    }
    return lua->words;
}

/* Why the command does not run at all; NULL: it does. */
static const char *refusal_of(const struct sim_lua *lua, const struct sim_command *command,
                              size_t argc)
{
    if (!sim_command_takes(command, argc))
        return "ERR Wrong number of args calling Redis command from script";
    if (command->flags & SIM_COMMAND_NOT_IN_SCRIPTS)
        return "ERR This Redis command is not allowed from script";
    if (lua->store->is_denied[sim_command_number(command)])
        return "ERR The user executing the script can't run this command or subcommand";
    return sim_mode_refusal_in_script(lua->store, command, lua->is_dirty);
}

static int run_command(lua_State *state, bool is_raised)
{
    struct sim_lua *lua = lua_of(state);
    size_t argc = (size_t)lua_gettop(state);
    struct fs_reply reply = {0};
    struct sim_call call = {.store = lua->store,
                            .argc = argc,
                            .argv = words_of(lua, state, argc),
                            .memory = &lua->memory,
                            .reply = &reply,
                            .is_lent = true};
    const char *refusal;

    if (!call.argv)
        return is_raised ? lua_error(state) : 1;
    call.command = sim_command_find(argc, call.argv);
    if (!call.command)
        sim_store_unknown(lua->store, "command in a script", call.argv[0]);
    refusal = refusal_of(lua, call.command, argc);
    if (refusal) {
        sim_reply_set_error(&reply, fs_text_of(refusal));
    } else {
        lua->is_dirty = lua->is_dirty || call.command->flags & SIM_COMMAND_WRITES;
        sim_memory_reset(&lua->memory);
        call.command->run(&call);
    }
    push_reply(state, &reply);
    return is_raised && sim_reply_is_error(&reply) ? lua_error(state) : 1;
}

static int redis_call(lua_State *state)
{
    return run_command(state, true);
}

static int redis_pcall(lua_State *state)
{
    return run_command(state, false);
}

static int redis_sha1hex(lua_State *state)
{
    char digest[SIM_DIGEST_LEN + 1];
    struct fs_text text;

    if (lua_gettop(state) != 1) {
        sim_push_error(state, "ERR ", FS_TEXT("wrong number of arguments"));
        return lua_error(state);
    }
    text.data = lua_tolstring(state, 1, &text.len);
    sim_digest(text, digest);
    lua_pushstring(state, digest);
    return 1;
}

static bool is_one_string(lua_State *state)
{
    if (lua_gettop(state) == 1 && lua_type(state, 1) == LUA_TSTRING)
        return true;
    sim_push_error(state, "ERR ", FS_TEXT("wrong number or type of arguments"));
    return false;
}

static int redis_status_reply(lua_State *state)
{
    if (!is_one_string(state))
        return 1;
    lua_createtable(state, 0, 1);
    lua_pushvalue(state, 1);
    lua_setfield(state, -2, "ok");
    return 1;
}

/* "CODE text", with or without a minus sign; a single word becomes the text of an ERR. */
static int redis_error_reply(lua_State *state)
{
    struct fs_text text;

    if (!is_one_string(state))
        return 1;
    text.data = lua_tolstring(state, 1, &text.len);
    if (text.len > 0 && text.data[0] == '-')
        text = (struct fs_text){text.data + 1, text.len - 1};
    sim_push_error(state, text.len > 0 && memchr(text.data, ' ', text.len) ? "" : "ERR ", text);
    return 1;
}

static int redis_log(lua_State *state)
{
    (void)state; /* what Redis logs is not looked at */
    return 0;
}

static int redis_acl_check_cmd(lua_State *state)
{
    struct sim_lua *lua = lua_of(state);
    size_t argc = (size_t)lua_gettop(state);
    const struct fs_text *argv = words_of(lua, state, argc);
    const struct sim_command *command = argv ? sim_command_find(argc, argv) : NULL;

    if (!argv)
        return lua_error(state);
    if (!command)
        sim_store_unknown(lua->store, "command in acl_check_cmd", argv[0]);
    lua_pushboolean(state, !lua->store->is_denied[sim_command_number(command)]);
    return 1;
}

/* pcall() that gives the text of an error table, as Redis' own does. */
static int protected_call(lua_State *state)
{
    int argc = lua_gettop(state);

    lua_pushboolean(state, true);
    lua_insert(state, 1);
    if (lua_pcall(state, argc - 1, LUA_MULTRET, 0) != 0) {
        lua_remove(state, 1);
        if (lua_istable(state, -1)) {
            lua_getfield(state, -1, "err");
            if (lua_isstring(state, -1))
                lua_replace(state, -2);
        }
        lua_pushboolean(state, false);
        lua_insert(state, 1);
    }
    return lua_gettop(state);
}

/* What scripts find */

static int unknown_global(lua_State *state)
{
    static const char *const not_built[] = {"cjson", "cmsgpack", "struct", "bit", "os", "debug"};
    const char *name = lua_tostring(state, 2);

    for (size_t i = 0; i < sizeof(not_built) / sizeof(not_built[0]); i++)
        if (name && strcmp(name, not_built[i]) == 0)
            sim_store_unknown(lua_of(state)->store, "library in a script", fs_text_of(name));
    return luaL_error(state, "Script attempted to access nonexistent global variable '%s'",
                      name ? name : "?");
}

static int read_only(lua_State *state)
{
    return luaL_error(state, "Attempt to modify a readonly table");
}

static int unknown_function(lua_State *state)
{
    sim_store_unknown(lua_of(state)->store, "function in a script, redis.",
                      fs_text_of(lua_tostring(state, 2)));
}

static int no_random(lua_State *state)
{
    sim_store_unknown(lua_of(state)->store, "function in a script", FS_TEXT("math.random"));
}

static void set_function(struct sim_lua *lua, const char *name, lua_CFunction function)
{
    lua_pushlightuserdata(lua->state, lua);
    lua_pushcclosure(lua->state, function, 1);
    lua_setfield(lua->state, -2, name);
}

static void open_library(lua_State *state, const char *name, lua_CFunction open)
{
    lua_pushcfunction(state, open);
    lua_pushstring(state, name);
    lua_call(state, 1, 0);
}

static void set_up_redis(struct sim_lua *lua)
{
    lua_newtable(lua->state);
    set_function(lua, "call", redis_call);
    set_function(lua, "pcall", redis_pcall);
    set_function(lua, "sha1hex", redis_sha1hex);
    set_function(lua, "status_reply", redis_status_reply);
    set_function(lua, "error_reply", redis_error_reply);
    set_function(lua, "acl_check_cmd", redis_acl_check_cmd);
    set_function(lua, "log", redis_log);
    for (int level = 0; level < 4; level++) {
        static const char *const names[] = {"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE",
                                            "LOG_WARNING"};

        lua_pushnumber(lua->state, level);
        lua_setfield(lua->state, -2, names[level]);
    }
    lua_newtable(lua->state);
    set_function(lua, "__index", unknown_function);
    lua_setmetatable(lua->state, -2);
    lua_setglobal(lua->state, "redis");
}

void sim_lua_set_up(struct sim_lua *lua)
{
    static const char *const denied[] = {"dofile",   "loadfile", "print",
                                         "newproxy", "require",  "module"};
    lua_State *state = lua->state;

    open_library(state, "", luaopen_base);
    open_library(state, LUA_TABLIBNAME, luaopen_table);
    open_library(state, LUA_STRLIBNAME, luaopen_string);
    open_library(state, LUA_MATHLIBNAME, luaopen_math);
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        lua_pushnil(state);
        lua_setglobal(state, denied[i]);
    }
    lua_getglobal(state, "math");
    set_function(lua, "random", no_random);
    set_function(lua, "randomseed", no_random);
    lua_pop(state, 1);
    lua_pushvalue(state, LUA_GLOBALSINDEX);
    set_function(lua, "pcall", protected_call);
    set_up_redis(lua);
    lua_newtable(state);
    set_function(lua, "__index", unknown_global);
    lua_setmetatable(state, -2);
    lua_pop(state, 1);

    /* The environment of every script. */
    lua_newtable(state);
    lua_newtable(state);
    lua_pushvalue(state, LUA_GLOBALSINDEX);
    lua_setfield(state, -2, "__index");
    set_function(lua, "__newindex", read_only);
    lua_setmetatable(state, -2);
    lua->environment = luaL_ref(state, LUA_REGISTRYINDEX);
}
