/* Scripts: Lua 5.1 as Redis 7.0 embeds it, with its error texts.
 *
 * One interpreter serves every store.  A script is compiled once and runs in an environment that is
 * empty and read-only, behind which are the globals: what one run would leave behind there is an error in
 * Redis, too. */
#include "sim/store_lua.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/text.h"

#define CHUNK_NAME "@user_script"

void sim_digest(struct fs_text source, char digest[SIM_DIGEST_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(source.data, source.len, bytes, &len, EVP_sha1(), NULL) != 1)
        abort();
    for (size_t i = 0; i < SIM_DIGEST_LEN / 2; i++) {
        digest[i * 2] = digits[bytes[i] >> 4];
        digest[i * 2 + 1] = digits[bytes[i] & 15];
    }
    digest[SIM_DIGEST_LEN] = '\0';
}

/* Turns any error into a table that says where it was raised. */
static int error_handler(lua_State *state)
{
    lua_Debug where;
    bool is_found = lua_getstack(state, 1, &where) && lua_getinfo(state, "Sl", &where);

    if (is_found && strcmp(where.what, "C") == 0)
        is_found = lua_getstack(state, 2, &where) && lua_getinfo(state, "Sl", &where);
    if (!lua_istable(state, 1)) {
        struct fs_text text = {0};

        text.data = lua_tolstring(state, 1, &text.len);
        sim_push_error(state, "ERR ", text.data ? text : FS_TEXT("?"));
    } else {
        lua_settop(state, 1);
    }
    if (is_found) {
        lua_pushstring(state, where.source);
        lua_setfield(state, -2, "source");
        lua_pushinteger(state, where.currentline);
        lua_setfield(state, -2, "line");
    }
    return 1;
}

struct sim_lua *sim_lua_create(void)
{
    size_t one = 0;
    struct sim_lua *lua = sim_grow(NULL, &one, 1, sizeof(*lua));

    memset(lua, 0, sizeof(*lua));
    lua->state = luaL_newstate();
    if (!lua->state)
        abort();
    sim_lua_set_up(lua);
    return lua;
}

void sim_lua_destroy(struct sim_lua *lua)
{
    if (!lua)
        return;
    sim_coverage_dispose(lua);
    lua_close(lua->state);
    for (size_t i = 0; i < lua->script_count; i++)
        free(lua->scripts[i].source);
    free(lua->scripts);
    free(lua->sent);
    free(lua->words);
    free(lua->numbers);
    free(lua->script_words);
    sim_memory_dispose(&lua->memory);
    free(lua);
}

/* Scripts by their digest */

/* SIZE_MAX: unknown. */
static size_t script_by_digest(const struct sim_lua *lua, struct fs_text digest)
{
    for (size_t i = 0; i < lua->script_count; i++)
        if (fs_text_equals_nocase(digest, (struct fs_text){lua->scripts[i].digest, SIM_DIGEST_LEN}))
            return i;
    return SIZE_MAX;
}

/* Compiles it when it is new.  SIZE_MAX: it does not compile, the error is on the stack. */
static size_t script_of(struct sim_lua *lua, struct fs_text source)
{
    char digest[SIM_DIGEST_LEN + 1];
    struct sim_script *script;
    size_t number;

    sim_digest(source, digest);
    number = script_by_digest(lua, (struct fs_text){digest, SIM_DIGEST_LEN});
    if (number != SIZE_MAX)
        return number;
    if (source.len > 1 && memcmp(source.data, "#!", 2) == 0)
        sim_store_unknown(lua->store, "first line of a script", (struct fs_text){source.data, 2});
    if (luaL_loadbuffer(lua->state, source.data, source.len, CHUNK_NAME) != 0)
        return SIZE_MAX;
    lua_rawgeti(lua->state, LUA_REGISTRYINDEX, lua->environment);
    lua_setfenv(lua->state, -2);
    lua->scripts =
        sim_grow(lua->scripts, &lua->script_capacity, lua->script_count + 1, sizeof(*lua->scripts));
    script = &lua->scripts[lua->script_count];
    memset(script, 0, sizeof(*script));
    memcpy(script->digest, digest, sizeof(digest));
    script->source = strndup(source.data, source.len);
    script->function = luaL_ref(lua->state, LUA_REGISTRYINDEX);
    return lua->script_count++;
}

static bool *is_known(struct sim_store *store, size_t number)
{
    if (number >= store->script_capacity) {
        size_t before = store->script_capacity;

        store->is_script_known =
            sim_grow(store->is_script_known, &store->script_capacity, number + 16, sizeof(bool));
        memset(store->is_script_known + before, 0,
               (store->script_capacity - before) * sizeof(bool));
    }
    return &store->is_script_known[number];
}

/* Running them */

static void set_reply(struct sim_call *call, lua_State *state, struct fs_reply *reply);

static void set_list(struct sim_call *call, lua_State *state, struct fs_reply *reply)
{
    struct fs_reply *items;
    int count = 0;

    do
        lua_rawgeti(state, -1, ++count);
    while (lua_type(state, -1) != LUA_TNIL && (lua_pop(state, 1), true));
    lua_pop(state, 1);
    count--;
    items = sim_memory_take(call->memory, (size_t)count * sizeof(*items));
    for (int i = 0; i < count; i++) {
        lua_rawgeti(state, -1, i + 1);
        set_reply(call, state, &items[i]);
        lua_pop(state, 1);
    }
    *reply = (struct fs_reply){.kind = FS_REPLY_LIST, .items = items, .item_count = (size_t)count};
}

/* A table's text under a name; NULL: it is not there. */
static const char *text_under(lua_State *state, const char *name, size_t *len)
{
    const char *text = NULL;

    lua_pushstring(state, name);
    lua_rawget(state, -2);
    if (lua_type(state, -1) == LUA_TSTRING)
        text = lua_tolstring(state, -1, len);
    lua_pop(state, 1); /* the table keeps it */
    return text;
}

/* The value on the top of the stack, which stays there. */
static void set_reply(struct sim_call *call, lua_State *state, struct fs_reply *reply)
{
    struct fs_text text;

    luaL_checkstack(state, 4, "reply");
    switch (lua_type(state, -1)) {
    case LUA_TSTRING:
        text.data = lua_tolstring(state, -1, &text.len);
        sim_reply_set_text(call, reply, text);
        break;
    case LUA_TNUMBER:
        *reply = (struct fs_reply){.kind = FS_REPLY_INTEGER,
                                   .integer = (int64_t)lua_tonumber(state, -1)};
        break;
    case LUA_TTABLE:
        if ((text.data = text_under(state, "err", &text.len)))
            sim_reply_set_error(reply, sim_memory_copy(call->memory, text));
        else if ((text.data = text_under(state, "ok", &text.len)))
            sim_reply_set_text(call, reply, text);
        else
            set_list(call, state, reply);
        break;
    default:
        if (lua_type(state, -1) == LUA_TBOOLEAN && lua_toboolean(state, -1))
            *reply = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = 1};
        else
            *reply = (struct fs_reply){.kind = FS_REPLY_NIL};
    }
}

/* The error table on the top of the stack. */
static void set_failure(struct sim_call *call, lua_State *state, const struct sim_script *script)
{
    size_t len, source_len;
    const char *text = text_under(state, "err", &len);
    const char *source = text_under(state, "source", &source_len);
    size_t size = len + source_len + SIM_DIGEST_LEN + 64;
    char *whole = sim_memory_take(call->memory, size);
    int written;

    if (!source) {
        sim_reply_set_error(call->reply,
                            sim_memory_copy(call->memory, (struct fs_text){text, len}));
        return;
    }
    lua_getfield(state, -1, "line");
    written = snprintf(whole, size, "%.*s script: %s, on %s:%d.", (int)len, text, script->digest,
                       source, (int)lua_tointeger(state, -1));
    lua_pop(state, 1);
    sim_reply_set_error(call->reply, (struct fs_text){whole, (size_t)written});
}

static void set_texts(lua_State *state, const char *name, size_t count, const struct fs_text *texts)
{
    lua_createtable(state, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(state, texts[i].data, texts[i].len);
        lua_rawseti(state, -2, (int)i + 1);
    }
    lua_setglobal(state, name);
}

static void run(struct sim_call *call, size_t number, size_t key_count, size_t argc,
                const struct fs_text *argv)
{
    struct sim_lua *lua = call->store->lua;
    lua_State *state = lua->state;

    if (call->store->mode == SIM_STORE_MASTERDOWN) {
        sim_reply_error(call, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is "
                              "set to 'no'.");
        return;
    }
    lua->store = call->store;
    lua->is_dirty = false;
    lua_pushcfunction(state, error_handler);
    lua_rawgeti(state, LUA_REGISTRYINDEX, lua->scripts[number].function);
    set_texts(state, "KEYS", key_count, argv);
    set_texts(state, "ARGV", argc - key_count, argv + key_count);
    if (lua->trail)
        sim_coverage_begin(lua, number);
    if (lua_pcall(state, 0, 1, -2) == 0)
        set_reply(call, state, call->reply);
    else
        set_failure(call, state, &lua->scripts[number]);
    if (lua->trail)
        sim_coverage_end(lua);
    lua_settop(state, 0);
}

/* Keys and arguments of EVAL and EVALSHA; false: an error was replied. */
static bool count_keys(struct sim_call *call, size_t *key_count)
{
    int64_t count;

    if (!sim_argument(call, 2, &count))
        return false;
    if (count > (int64_t)call->argc - 3) {
        sim_reply_error(call, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    if (count < 0) {
        sim_reply_error(call, "ERR Number of keys can't be negative");
        return false;
    }
    *key_count = (size_t)count;
    return true;
}

static void no_script(struct sim_call *call)
{
    sim_reply_error(call, "NOSCRIPT No matching script. Please use EVAL.");
}

static void no_compile(struct sim_call *call)
{
    sim_reply_error(call, "ERR Error compiling script (new function): %s",
                    lua_tostring(call->store->lua->state, -1));
    lua_settop(call->store->lua->state, 0);
}

void sim_do_eval(struct sim_call *call)
{
    struct sim_lua *lua = call->store->lua;
    size_t key_count, number;

    if (!count_keys(call, &key_count))
        return;
    lua->store = call->store;
    number = script_of(lua, call->argv[1]);
    if (number == SIZE_MAX) {
        no_compile(call);
        return;
    }
    *is_known(call->store, number) = true;
    run(call, number, key_count, call->argc - 3, call->argv + 3);
}

void sim_do_evalsha(struct sim_call *call)
{
    size_t key_count, number;

    if (call->argv[1].len != SIM_DIGEST_LEN) {
        no_script(call);
        return;
    }
    if (!count_keys(call, &key_count))
        return;
    number = script_by_digest(call->store->lua, call->argv[1]);
    if (number == SIZE_MAX || !*is_known(call->store, number))
        no_script(call);
    else
        run(call, number, key_count, call->argc - 3, call->argv + 3);
}

void sim_do_script_load(struct sim_call *call)
{
    size_t number;

    call->store->lua->store = call->store;
    number = script_of(call->store->lua, call->argv[2]);
    if (number == SIZE_MAX) {
        no_compile(call);
        return;
    }
    *is_known(call->store, number) = true;
    sim_reply_text(call,
                   (struct fs_text){call->store->lua->scripts[number].digest, SIM_DIGEST_LEN});
}

void sim_do_script_exists(struct sim_call *call)
{
    struct fs_reply *items = sim_reply_list(call, call->argc - 2);

    for (size_t i = 2; i < call->argc; i++) {
        size_t number = script_by_digest(call->store->lua, call->argv[i]);

        items[i - 2] =
            (struct fs_reply){.kind = FS_REPLY_INTEGER,
                              .integer = number != SIZE_MAX && *is_known(call->store, number)};
    }
}

void sim_do_script_flush(struct sim_call *call)
{
    sim_store_forget_scripts(call->store);
    sim_reply_status(call, "OK");
}

/* The number of a script that the server sends, compiled when it is seen for the first time. */
static size_t number_of(struct sim_lua *lua, const struct fs_script *script)
{
    for (size_t i = 0; i < lua->sent_count; i++)
        if (lua->sent[i].script == script)
            return lua->sent[i].number;
    lua->sent = sim_grow(lua->sent, &lua->sent_capacity, lua->sent_count + 1, sizeof(*lua->sent));
    lua->sent[lua->sent_count].script = script;
    lua->sent[lua->sent_count].number = script_of(lua, fs_text_of(script->source));
    if (lua->sent[lua->sent_count].number == SIZE_MAX) {
        fprintf(stderr, "sim: script %s: %s\n", script->name, lua_tostring(lua->state, -1));
        exit(3);
    }
    lua->scripts[lua->sent[lua->sent_count].number].name = script->name;
    return lua->sent[lua->sent_count++].number;
}

void sim_store_run_script(struct sim_store *store, const struct fs_script *script,
                          bool is_sent_again, size_t key_count, size_t argc,
                          const struct fs_text *argv, struct sim_reply *reply)
{
    char number_text_of[SIM_NUMBER_SIZE];
    struct sim_lua *lua = store->lua;
    size_t number;

    lua->store = store;
    number = number_of(lua, script);
    lua->script_words = sim_grow(lua->script_words, &lua->script_word_capacity, argc + 3,
                                 sizeof(*lua->script_words));
    lua->script_words[0] = FS_TEXT("EVALSHA");
    lua->script_words[1] = (struct fs_text){lua->scripts[number].digest, SIM_DIGEST_LEN};
    lua->script_words[2] = sim_number(number_text_of, (int64_t)key_count);
    if (argc > 0)
        memcpy(lua->script_words + 3, argv, argc * sizeof(*argv));
    sim_store_run(store, argc + 3, lua->script_words, reply);
    if (!is_sent_again || reply->reply.kind != FS_REPLY_REFUSED ||
        memcmp(reply->reply.text.data, "NOSCRIPT", 8) != 0)
        return;
    lua->script_words[0] = FS_TEXT("EVAL");
    lua->script_words[1] = fs_text_of(script->source);
    sim_store_run(store, argc + 3, lua->script_words, reply);
}
