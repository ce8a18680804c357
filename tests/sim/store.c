/* The in-process store: which command runs, what it is refused with, and the history of what changed. */
#include "sim/store_commands.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/reply.h"

#define NAME_SIZE 24u
#define ERROR_SIZE 512u

static const struct sim_command commands[] = {
#define SIM_COMMAND_ROW(id, name, arity, flags) {name, arity, flags, sim_do_##id},
    SIM_COMMANDS(SIM_COMMAND_ROW)
#undef SIM_COMMAND_ROW
};

_Static_assert(sizeof(commands) / sizeof(commands[0]) <= SIM_COMMANDS_MAX,
               "more commands than room");

void sim_store_unknown(const struct sim_store *store, const char *what, struct fs_text name)
{
    fprintf(stderr, "sim store %s: unknown %s '%.*s'; teach tests/sim/store_*.c about it\n",
            store->name, what, (int)name.len, name.data);
    exit(3);
}

/* Commands */

static int compare_names(const void *name, const void *command)
{
    return strcmp(name, ((const struct sim_command *)command)->name);
}

static size_t add_word(char *name, size_t len, struct fs_text word)
{
    for (size_t i = 0; i < word.len && len < NAME_SIZE - 1; i++, len++)
        name[len] =
            (char)(word.data[i] >= 'A' && word.data[i] <= 'Z' ? word.data[i] + 32 : word.data[i]);
    return len;
}

const struct sim_command *sim_command_find(size_t argc, const struct fs_text *argv)
{
    char name[NAME_SIZE];
    size_t len = add_word(name, 0, argv[0]);

    if (argc > 1 && (sim_word_is(argv[0], "SCRIPT") || sim_word_is(argv[0], "ACL"))) {
        len = add_word(name, len, FS_TEXT("|"));
        len = add_word(name, len, argv[1]);
    }
    name[len] = '\0';
    return bsearch(name, commands, sizeof(commands) / sizeof(commands[0]), sizeof(commands[0]),
                   compare_names);
}

size_t sim_command_number(const struct sim_command *command)
{
    return (size_t)(command - commands);
}

bool sim_command_takes(const struct sim_command *command, size_t argc)
{
    return command->arity < 0 ? argc >= (size_t)-command->arity : argc == (size_t)command->arity;
}

bool sim_word_is(struct fs_text word, const char *name)
{
    return fs_text_equals_nocase(word, fs_text_of(name));
}

struct fs_text sim_number(char text[SIM_NUMBER_SIZE], int64_t number)
{
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char *at = text + SIM_NUMBER_SIZE;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *--at = '-';
    return (struct fs_text){at, (size_t)(text + SIM_NUMBER_SIZE - at)};
}

bool sim_number_of(struct fs_text text, int64_t *number)
{
    bool is_negative = text.len > 0 && text.data[0] == '-';
    int64_t value = 0;

    if (text.len == (size_t)is_negative || text.len > 20)
        return false;
    if (text.data[is_negative] == '0' && text.len > 1)
        return false; /* Redis writes numbers without zeros in front, and reads no others */
    for (size_t i = is_negative; i < text.len; i++) {
        int64_t digit = text.data[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false; /* it is kept below zero, where there is one number more */
    }
    if (!is_negative && value == INT64_MIN)
        return false;
    *number = is_negative ? value : -value;
    return true;
}

bool sim_argument(struct sim_call *call, size_t index, int64_t *number)
{
    if (sim_number_of(call->argv[index], number))
        return true;
    sim_reply_error(call, "ERR value is not an integer or out of range");
    return false;
}

/* Replies */

void sim_reply_integer(struct sim_call *call, int64_t integer)
{
    *call->reply = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = integer};
}

void sim_reply_nil(struct sim_call *call)
{
    *call->reply = (struct fs_reply){.kind = FS_REPLY_NIL};
}

void sim_reply_set_text(struct sim_call *call, struct fs_reply *reply, struct fs_text text)
{
    if (!call->is_lent)
        text = sim_memory_copy(call->memory, text);
    *reply = (struct fs_reply){.kind = FS_REPLY_TEXT, .text = text};
}

void sim_reply_text(struct sim_call *call, struct fs_text text)
{
    sim_reply_set_text(call, call->reply, text);
}

void sim_reply_status(struct sim_call *call, const char *status)
{
    *call->reply =
        (struct fs_reply){.kind = FS_REPLY_TEXT, .text = fs_text_of(status), .integer = 1};
}

void sim_reply_set_error(struct fs_reply *reply, struct fs_text text)
{
    *reply = (struct fs_reply){.kind = fs_reply_error_kind(text), .text = text};
}

void sim_reply_error(struct sim_call *call, const char *format, ...)
{
    char text[ERROR_SIZE];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert(len >= 0 && (size_t)len < sizeof(text));
    sim_reply_set_error(call->reply,
                        sim_memory_copy(call->memory, (struct fs_text){text, (size_t)len}));
}

struct fs_reply *sim_reply_list(struct sim_call *call, size_t count)
{
    struct fs_reply *items = sim_memory_take(call->memory, count * sizeof(*items));

    *call->reply = (struct fs_reply){.kind = FS_REPLY_LIST, .items = items, .item_count = count};
    return items;
}

void sim_reply_dispose(struct sim_reply *reply)
{
    sim_memory_dispose(&reply->memory);
}

/* Keys */

bool sim_key_remove(struct sim_store *store, struct fs_text key)
{
    struct sim_field *field = sim_dict_find(&store->keys, key);

    if (field)
        sim_dict_remove(&store->keys, field);
    return field != NULL;
}

/* A key whose time is over goes when it is looked for; a replica waits for its primary to say so. */
static struct sim_value *find(struct sim_store *store, struct fs_text key)
{
    struct sim_field *field = sim_dict_find(&store->keys, key);
    struct sim_value *value;

    if (!field)
        return NULL;
    value = (struct sim_value *)(void *)field->value;
    if (value->expires_ms == 0 || store->clock_us / 1000 <= value->expires_ms)
        return value;
    if (store->mode != SIM_STORE_READONLY && store->mode != SIM_STORE_MASTERDOWN) {
        sim_dict_remove(&store->keys, field);
        sim_changed_by_name(store, "del", 2, (struct fs_text[]){FS_TEXT("DEL"), key});
    }
    return NULL;
}

struct sim_value *sim_key_any(struct sim_call *call, struct fs_text key)
{
    return find(call->store, key);
}

static void wrong_type(struct sim_call *call)
{
    sim_reply_error(call, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

struct sim_value *sim_key_find(struct sim_call *call, struct fs_text key, enum sim_type type,
                               bool *is_wrong)
{
    struct sim_value *value = find(call->store, key);

    *is_wrong = value && value->type != type;
    if (!*is_wrong)
        return value;
    wrong_type(call);
    return NULL;
}

struct sim_value *sim_key_make(struct sim_call *call, struct fs_text key, enum sim_type type)
{
    struct sim_store *store = call->store;
    struct sim_value *value = find(store, key);
    struct sim_field *field;
    bool is_new;

    if (value && value->type != type) {
        wrong_type(call);
        return NULL;
    }
    if (value)
        return value;
    value = sim_memory_take(&store->memory, sizeof(*value));
    memset(value, 0, sizeof(*value));
    value->type = type;
    field = sim_dict_add(&store->keys, &store->memory, key, &is_new);
    field->value = (char *)value;
    return value;
}

/* History */

void sim_changed_as(struct sim_store *store, const struct sim_command *command, size_t argc,
                    const struct fs_text *argv)
{
    struct sim_record *record;

    if (!store->has_changed)
        store->position++;
    store->has_changed = true;
    store->history = sim_grow(store->history, &store->history_capacity, store->history_count + 1,
                              sizeof(*store->history));
    record = &store->history[store->history_count++];
    *record = (struct sim_record){store->position, store->clock_us, command, argc, NULL};
    record->argv = sim_memory_take(&store->memory, argc * sizeof(*argv));
    for (size_t i = 0; i < argc; i++)
        record->argv[i] = sim_memory_copy(&store->memory, argv[i]);
}

void sim_changed(struct sim_call *call)
{
    sim_changed_as(call->store, call->command, call->argc, call->argv);
}

void sim_changed_by_name(struct sim_store *store, const char *name, size_t argc,
                         const struct fs_text *argv)
{
    struct fs_text word = fs_text_of(name);

    sim_changed_as(store, sim_command_find(1, &word), argc, argv);
}

void sim_store_follow(struct sim_store *store, const struct sim_store *source, uint64_t position)
{
    int64_t clock_us = store->clock_us;
    struct sim_memory memory = {0};
    uint64_t start = store->position;
    uint64_t last = start;

    for (size_t i = 0; i < source->history_count; i++) {
        const struct sim_record *record = &source->history[i];
        struct fs_reply reply;
        struct sim_call call = {.store = store,
                                .command = record->command,
                                .argc = record->argc,
                                .argv = record->argv,
                                .memory = &memory,
                                .reply = &reply};

        if (record->position <= start)
            continue;
        if (record->position > position)
            break;
        if (record->position != last)
            store->has_changed = false;
        last = record->position;
        store->clock_us = record->clock_us;
        record->command->run(&call);
        assert(!sim_reply_is_error(&reply) && store->position == last);
        sim_memory_reset(&memory);
    }
    store->has_changed = false;
    store->clock_us = clock_us;
    sim_memory_dispose(&memory);
}

struct sim_store *sim_store_copy_at(const struct sim_store *store, uint64_t position)
{
    struct sim_store *copy = sim_store_create(store->lua, store->name);

    assert(position <= store->position);
    copy->clock_us = store->clock_us;
    copy->scan_max = store->scan_max;
    sim_store_follow(copy, store, position);
    return copy;
}

uint64_t sim_store_position(const struct sim_store *store)
{
    return store->position;
}

/* Modes */

static const char misconf[] =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. "
    "Commands that may modify the data set are disabled, because this instance is configured to "
    "report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). "
    "Please check the Redis logs for details about the RDB error.";

const char *sim_mode_refusal_in_script(const struct sim_store *store,
                                       const struct sim_command *command, bool is_dirty)
{
    if (is_dirty || !(command->flags & SIM_COMMAND_WRITES))
        return NULL;
    if (store->mode == SIM_STORE_OOM && command->flags & SIM_COMMAND_NEEDS_MEMORY)
        return "OOM command not allowed when used memory > 'maxmemory'.";
    if (store->mode == SIM_STORE_MISCONF)
        return misconf;
    if (store->mode == SIM_STORE_NOREPLICAS)
        return "NOREPLICAS Not enough good replicas to write.";
    if (store->mode == SIM_STORE_READONLY || store->mode == SIM_STORE_MASTERDOWN)
        return "READONLY You can't write against a read only replica.";
    return NULL;
}

const char *sim_mode_refusal(const struct sim_store *store, const struct sim_command *command)
{
    if (store->mode == SIM_STORE_NORMAL)
        return NULL;
    if (store->mode == SIM_STORE_MISCONF && command->run == sim_do_ping)
        return misconf;
    if (store->mode == SIM_STORE_MASTERDOWN &&
        !(command->flags & (SIM_COMMAND_WHILE_STALE | SIM_COMMAND_WRITES)))
        return "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    if (store->mode == SIM_STORE_LOADING && !(command->flags & SIM_COMMAND_WHILE_LOADING))
        return "LOADING Redis is loading the dataset in memory";
    if (store->mode == SIM_STORE_BUSY)
        return "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
               "NOSAVE.";
    return sim_mode_refusal_in_script(store, command, false);
}

void sim_store_set_mode(struct sim_store *store, enum sim_store_mode mode)
{
    store->mode = mode;
}

void sim_store_deny(struct sim_store *store, const char *command, bool is_denied)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, command) == 0) {
            store->is_denied[i] = is_denied;
            return;
        }
    sim_store_unknown(store, "command to deny", fs_text_of(command));
}

void sim_store_set_replicas(struct sim_store *store, unsigned acknowledged)
{
    store->replica_count = acknowledged;
}

void sim_store_set_scan_max(struct sim_store *store, size_t fields)
{
    store->scan_max = fields;
}

/* The store */

struct sim_store *sim_store_create(struct sim_lua *lua, const char *name)
{
    size_t one = 0;
    struct sim_store *store = sim_grow(NULL, &one, 1, sizeof(*store));

    memset(store, 0, sizeof(*store));
    store->lua = lua;
    snprintf(store->name, sizeof(store->name), "%s", name);
    return store;
}

void sim_store_destroy(struct sim_store *store)
{
    if (!store)
        return;
    sim_memory_dispose(&store->memory);
    free(store->history);
    free(store->is_script_known);
    free(store);
}

const char *sim_store_name(const struct sim_store *store)
{
    return store->name;
}

void sim_store_set_clock(struct sim_store *store, int64_t unix_us)
{
    store->clock_us = unix_us;
}

int64_t sim_store_clock(const struct sim_store *store)
{
    return store->clock_us;
}

void sim_store_forget_scripts(struct sim_store *store)
{
    if (store->script_capacity > 0)
        memset(store->is_script_known, 0, store->script_capacity * sizeof(bool));
}

void sim_store_empty(struct sim_store *store)
{
    struct fs_text word = FS_TEXT("FLUSHALL");

    store->has_changed = false;
    memset(&store->keys, 0, sizeof(store->keys));
    sim_changed_by_name(store, "flushall", 1, &word);
}

void sim_store_run(struct sim_store *store, size_t argc, const struct fs_text *argv,
                   struct sim_reply *reply)
{
    struct sim_call call = {.store = store,
                            .command = sim_command_find(argc, argv),
                            .argc = argc,
                            .argv = argv,
                            .memory = &reply->memory,
                            .reply = &reply->reply};
    const char *refusal;

    if (!call.command)
        sim_store_unknown(store, "command", argv[0]);
    sim_memory_reset(&reply->memory);
    store->has_changed = false;
    if (!sim_command_takes(call.command, argc)) {
        sim_reply_error(&call, "ERR wrong number of arguments for '%s' command",
                        call.command->name);
        return;
    }
    if (store->is_denied[sim_command_number(call.command)]) {
        sim_reply_error(&call, "NOPERM this user has no permissions to run the '%s' command",
                        call.command->name);
        return;
    }
    refusal = sim_mode_refusal(store, call.command);
    if (refusal)
        sim_reply_error(&call, "%s", refusal);
    else
        call.command->run(&call);
}
