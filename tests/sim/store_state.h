/* What the files of the in-process store share: its data, its commands, and how they reply. */
#ifndef FS_TESTS_SIM_STORE_STATE_H
#define FS_TESTS_SIM_STORE_STATE_H

#include "sim/memory.h"
#include "sim/store.h"

#define SIM_NUMBER_SIZE 24u
#define SIM_STREAM_NODE_MAX 100u /* entries: stream-node-max-entries */

enum sim_type { SIM_TEXT = 1, SIM_HASH, SIM_SET, SIM_STREAM };

struct sim_stream_entry {
    uint64_t ms, sequence;
    struct fs_text *words; /* field, value, field, value */
    size_t word_count;
};

/* Redis trims streams by whole nodes where it may. */
struct sim_stream_node {
    uint32_t live_count;
    uint32_t added_count;
};

struct sim_stream {
    struct sim_stream_entry *entries; /* entry_first to entry_count - 1 are there */
    size_t entry_first, entry_count, entry_capacity;
    struct sim_stream_node *nodes;
    size_t node_first, node_count, node_capacity;
    uint64_t last_ms, last_sequence;
};

struct sim_value {
    enum sim_type type;
    int64_t expires_ms; /* Unix ms; 0: never */
    union {
        struct sim_field text;
        struct sim_dict dict; /* hash, set */
        struct sim_stream stream;
    } as;
};

struct sim_call;

enum {
    SIM_COMMAND_WRITES = 1 << 0,
    SIM_COMMAND_NEEDS_MEMORY = 1 << 1,
    SIM_COMMAND_NOT_IN_SCRIPTS = 1 << 2,
    SIM_COMMAND_WHILE_STALE = 1 << 3,
    SIM_COMMAND_WHILE_LOADING = 1 << 4
};

struct sim_command {
    const char *name; /* as ACLs and error texts have it: "hset", "script|load" */
    int arity;        /* as Redis has it: words with the name; negative: at least so many */
    unsigned flags;
    void (*run)(struct sim_call *call);
};

#define SIM_COMMANDS_MAX 96u

/* One command as it changed data, to be replayed. */
struct sim_record {
    uint64_t position;
    int64_t clock_us;
    const struct sim_command *command;
    size_t argc;
    struct fs_text *argv;
};

struct sim_store {
    /* constant after create */
    struct sim_lua *lua;
    char name[48];

    /* owned */
    struct sim_memory memory; /* of data and history */
    struct sim_record *history;
    size_t history_count, history_capacity;
    bool *is_script_known; /* by the number of the script */
    size_t script_capacity;

    /* changing */
    struct sim_dict keys; /* their values are struct sim_value */
    int64_t clock_us;
    uint64_t position;
    bool has_changed; /* in the command that runs */
    enum sim_store_mode mode;
    bool is_denied[SIM_COMMANDS_MAX];
    unsigned replica_count;
    size_t scan_max;
};

/* One command that runs. */
struct sim_call {
    struct sim_store *store;
    const struct sim_command *command;
    size_t argc;
    const struct fs_text *argv;
    struct sim_memory *memory; /* of the reply */
    struct fs_reply *reply;
    bool is_lent; /* texts of the reply may point into the store's data */
};

/* Ends the process: what was asked for is not built. */
void sim_store_unknown(const struct sim_store *store, const char *what, struct fs_text name)
    __attribute__((noreturn));

/* Commands by name.  NULL: unknown. */
const struct sim_command *sim_command_find(size_t argc, const struct fs_text *argv);
size_t sim_command_number(const struct sim_command *command);
bool sim_command_takes(const struct sim_command *command, size_t argc);

/* Replies.  An error's text is without its minus sign: "ERR ...". */
void sim_reply_integer(struct sim_call *call, int64_t integer);
void sim_reply_nil(struct sim_call *call);
void sim_reply_text(struct sim_call *call, struct fs_text text);
void sim_reply_status(struct sim_call *call, const char *status);
void sim_reply_error(struct sim_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct fs_reply *sim_reply_list(struct sim_call *call, size_t count);
void sim_reply_set_text(struct sim_call *call, struct fs_reply *reply, struct fs_text text);
void sim_reply_set_error(struct fs_reply *reply, struct fs_text text);
static inline bool sim_reply_is_error(const struct fs_reply *reply)
{
    return reply->kind == FS_REPLY_ERROR || reply->kind == FS_REPLY_REFUSED;
}
/* A status is a text for strategies and a table for scripts. */
static inline bool sim_reply_is_status(const struct fs_reply *reply)
{
    return reply->kind == FS_REPLY_TEXT && reply->integer != 0;
}

/* The value of a key.  NULL: there is none, or it is of another type and the reply says so: then
 * *is_wrong. */
struct sim_value *sim_key_find(struct sim_call *call, struct fs_text key, enum sim_type type,
                               bool *is_wrong);
struct sim_value *sim_key_any(struct sim_call *call, struct fs_text key);
/* As sim_key_find(), and makes it.  NULL: it is of another type. */
struct sim_value *sim_key_make(struct sim_call *call, struct fs_text key, enum sim_type type);
bool sim_key_remove(struct sim_store *store, struct fs_text key);

/* The command has changed data: it goes to the history, as it came or as it is to be replayed. */
void sim_changed(struct sim_call *call);
void sim_changed_as(struct sim_store *store, const struct sim_command *command, size_t argc,
                    const struct fs_text *argv);
void sim_changed_by_name(struct sim_store *store, const char *name, size_t argc,
                         const struct fs_text *argv);

/* Words of commands. */
struct fs_text sim_number(char text[SIM_NUMBER_SIZE], int64_t number);
bool sim_number_of(struct fs_text text, int64_t *number); /* as Redis reads one */
/* False: the reply is the error. */
bool sim_argument(struct sim_call *call, size_t index, int64_t *number);
bool sim_word_is(struct fs_text word, const char *name); /* without regard to case */

void sim_trim_stream(struct sim_stream *stream, uint64_t length_max, bool is_exact);

/* What the mode refuses the command with; NULL: it runs.  In a script only before its first write. */
const char *sim_mode_refusal(const struct sim_store *store, const struct sim_command *command);
const char *sim_mode_refusal_in_script(const struct sim_store *store,
                                       const struct sim_command *command, bool is_dirty);

#endif
