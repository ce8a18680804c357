/* Commands on keys, on texts, and those without a key. */
#include "sim/store_commands.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_SECOND 1000

static int64_t now_ms(const struct sim_call *call)
{
    return call->store->clock_us / 1000;
}

void sim_do_ping(struct sim_call *call)
{
    if (call->argc > 2)
        sim_reply_error(call, "ERR wrong number of arguments for 'ping' command");
    else if (call->argc == 2)
        sim_reply_text(call, call->argv[1]);
    else
        sim_reply_status(call, "PONG");
}

void sim_do_echo(struct sim_call *call)
{
    sim_reply_text(call, call->argv[1]);
}

void sim_do_time(struct sim_call *call)
{
    char *text = sim_memory_take(call->memory, 2 * SIM_NUMBER_SIZE);
    struct fs_reply *items = sim_reply_list(call, 2);
    bool is_lent = call->is_lent;

    call->is_lent = true; /* the text is in the memory of the reply */
    sim_reply_set_text(call, &items[0], sim_number(text, call->store->clock_us / 1000000));
    sim_reply_set_text(call, &items[1],
                       sim_number(text + SIM_NUMBER_SIZE, call->store->clock_us % 1000000));
    call->is_lent = is_lent;
}

void sim_do_wait(struct sim_call *call)
{
    int64_t number;

    if (call->store->mode == SIM_STORE_READONLY)
        sim_reply_error(call,
                        "ERR WAIT cannot be used with replica instances. Please also note that "
                        "since Redis 4.0 if a replica is configured to be writable (which is "
                        "not the default) writes to replicas are just local and are not "
                        "propagated.");
    else if (sim_argument(call, 1, &number) && sim_argument(call, 2, &number))
        sim_reply_integer(call, call->store->replica_count);
}

void sim_do_dbsize(struct sim_call *call)
{
    sim_reply_integer(call, call->store->keys.live_count);
}

void sim_do_flushall(struct sim_call *call)
{
    if (call->argc > 1 && !sim_word_is(call->argv[1], "SYNC") &&
        !sim_word_is(call->argv[1], "ASYNC")) {
        sim_reply_error(call, "ERR syntax error");
        return;
    }
    memset(&call->store->keys, 0, sizeof(call->store->keys));
    sim_changed(call);
    sim_reply_status(call, "OK");
}

void sim_do_keys(struct sim_call *call)
{
    struct sim_dict *keys = &call->store->keys;
    struct fs_reply *items = sim_reply_list(call, keys->live_count);
    char pattern[256], name[256];
    size_t n = 0;

    snprintf(pattern, sizeof(pattern), "%.*s", (int)call->argv[1].len, call->argv[1].data);
    for (uint32_t i = 0; i < keys->place_count; i++) {
        struct fs_text key = keys->fields[i].key;

        snprintf(name, sizeof(name), "%.*s", (int)key.len, key.data);
        if (keys->fields[i].is_live && fnmatch(pattern, name, 0) == 0 && sim_key_any(call, key))
            sim_reply_set_text(call, &items[n++], key);
    }
    call->reply->item_count = n;
}

static void remove_keys(struct sim_call *call)
{
    int64_t removed = 0;

    for (size_t i = 1; i < call->argc; i++)
        removed += sim_key_any(call, call->argv[i]) && sim_key_remove(call->store, call->argv[i]);
    if (removed > 0)
        sim_changed(call);
    sim_reply_integer(call, removed);
}

void sim_do_del(struct sim_call *call)
{
    remove_keys(call);
}

void sim_do_unlink(struct sim_call *call)
{
    remove_keys(call);
}

void sim_do_exists(struct sim_call *call)
{
    int64_t found = 0;

    for (size_t i = 1; i < call->argc; i++)
        found += sim_key_any(call, call->argv[i]) != NULL;
    sim_reply_integer(call, found);
}

void sim_do_type(struct sim_call *call)
{
    static const char *const names[] = {"none", "string", "hash", "set", "stream"};
    const struct sim_value *value = sim_key_any(call, call->argv[1]);

    sim_reply_status(call, names[value ? value->type : 0]);
}

/* Time to live */

static void change_expiry(struct sim_call *call, int64_t base_ms, int64_t unit_ms)
{
    char text[SIM_NUMBER_SIZE];
    struct sim_value *value;
    int64_t when;

    if (call->argc > 3)
        sim_store_unknown(call->store, "option of EXPIRE", call->argv[3]);
    if (!sim_argument(call, 2, &when))
        return;
    if (__builtin_mul_overflow(when, unit_ms, &when) ||
        __builtin_add_overflow(when, base_ms, &when)) {
        sim_reply_error(call, "ERR invalid expire time in '%s' command", call->command->name);
        return;
    }
    value = sim_key_any(call, call->argv[1]);
    if (!value) {
        sim_reply_integer(call, 0);
        return;
    }
    if (when <= now_ms(call)) {
        sim_key_remove(call->store, call->argv[1]);
        sim_changed_by_name(call->store, "del", 2, (struct fs_text[]){{"DEL", 3}, call->argv[1]});
    } else {
        value->expires_ms = when;
        sim_changed_by_name(
            call->store, "pexpireat", 3,
            (struct fs_text[]){{"PEXPIREAT", 9}, call->argv[1], sim_number(text, when)});
    }
    sim_reply_integer(call, 1);
}

void sim_do_expire(struct sim_call *call)
{
    change_expiry(call, now_ms(call), MS_PER_SECOND);
}

void sim_do_pexpire(struct sim_call *call)
{
    change_expiry(call, now_ms(call), 1);
}

void sim_do_pexpireat(struct sim_call *call)
{
    change_expiry(call, 0, 1);
}

void sim_do_persist(struct sim_call *call)
{
    struct sim_value *value = sim_key_any(call, call->argv[1]);

    if (!value || value->expires_ms == 0) {
        sim_reply_integer(call, 0);
        return;
    }
    value->expires_ms = 0;
    sim_changed(call);
    sim_reply_integer(call, 1);
}

/* -2: no key; -1: it lives for ever. */
static int64_t left_ms(struct sim_call *call)
{
    const struct sim_value *value = sim_key_any(call, call->argv[1]);

    if (!value)
        return -2;
    return value->expires_ms == 0 ? -1 : value->expires_ms - now_ms(call);
}

void sim_do_pttl(struct sim_call *call)
{
    sim_reply_integer(call, left_ms(call));
}

void sim_do_ttl(struct sim_call *call)
{
    int64_t left = left_ms(call);

    sim_reply_integer(call, left < 0 ? left : (left + MS_PER_SECOND / 2) / MS_PER_SECOND);
}

/* Texts */

void sim_do_get(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], SIM_TEXT, &is_wrong);

    if (is_wrong)
        return;
    if (value)
        sim_reply_text(call, sim_field_value(&value->as.text));
    else
        sim_reply_nil(call);
}

void sim_do_strlen(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], SIM_TEXT, &is_wrong);

    if (!is_wrong)
        sim_reply_integer(call, value ? (int64_t)value->as.text.value_len : 0);
}

void sim_do_getdel(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], SIM_TEXT, &is_wrong);

    if (is_wrong)
        return;
    if (!value) {
        sim_reply_nil(call);
        return;
    }
    sim_reply_text(call, sim_field_value(&value->as.text));
    sim_key_remove(call->store, call->argv[1]);
    sim_changed(call);
}

/* Whatever was there; expires_ms 0: never. */
static void set_text(struct sim_call *call, struct fs_text text, int64_t expires_ms)
{
    char number[SIM_NUMBER_SIZE];
    struct sim_value *value;

    sim_key_remove(call->store, call->argv[1]);
    value = sim_key_make(call, call->argv[1], SIM_TEXT);
    sim_field_set(&value->as.text, &call->store->memory, text);
    value->expires_ms = expires_ms;
    if (expires_ms == 0)
        sim_changed_by_name(call->store, "set", 3,
                            (struct fs_text[]){{"SET", 3}, call->argv[1], text});
    else
        sim_changed_by_name(
            call->store, "set", 5,
            (struct fs_text[]){
                {"SET", 3}, call->argv[1], text, {"PXAT", 4}, sim_number(number, expires_ms)});
}

struct set_options {
    bool is_nx, is_xx;
    size_t expiry_word; /* 0: none */
    int64_t unit_ms;
    bool is_absolute;
};

static bool read_set_options(struct sim_call *call, struct set_options *options)
{
    static const struct {
        const char *name;
        int64_t unit_ms;
        bool is_absolute;
    } expiries[] = {{"EX", 1000, false}, {"PX", 1, false}, {"EXAT", 1000, true}, {"PXAT", 1, true}};

    for (size_t i = 3; i < call->argc; i++) {
        size_t e = 0;

        if (sim_word_is(call->argv[i], "NX") && !options->is_xx) {
            options->is_nx = true;
            continue;
        }
        if (sim_word_is(call->argv[i], "XX") && !options->is_nx) {
            options->is_xx = true;
            continue;
        }
        if (sim_word_is(call->argv[i], "GET") || sim_word_is(call->argv[i], "KEEPTTL"))
            sim_store_unknown(call->store, "option of SET", call->argv[i]);
        while (e < sizeof(expiries) / sizeof(expiries[0]) &&
               !sim_word_is(call->argv[i], expiries[e].name))
            e++;
        if (e == sizeof(expiries) / sizeof(expiries[0]) || i + 1 == call->argc ||
            options->expiry_word > 0) {
            sim_reply_error(call, "ERR syntax error");
            return false;
        }
        options->expiry_word = ++i;
        options->unit_ms = expiries[e].unit_ms;
        options->is_absolute = expiries[e].is_absolute;
    }
    return true;
}

void sim_do_set(struct sim_call *call)
{
    struct set_options options = {0};
    int64_t expires_ms = 0;
    bool is_there;

    if (!read_set_options(call, &options))
        return;
    if (options.expiry_word > 0) {
        if (!sim_argument(call, options.expiry_word, &expires_ms))
            return;
        if (expires_ms <= 0 || __builtin_mul_overflow(expires_ms, options.unit_ms, &expires_ms) ||
            (!options.is_absolute &&
             __builtin_add_overflow(expires_ms, now_ms(call), &expires_ms))) {
            sim_reply_error(call, "ERR invalid expire time in 'set' command");
            return;
        }
    }
    is_there = sim_key_any(call, call->argv[1]) != NULL;
    if ((options.is_nx && is_there) || (options.is_xx && !is_there)) {
        sim_reply_nil(call);
        return;
    }
    set_text(call, call->argv[2], expires_ms);
    sim_reply_status(call, "OK");
}

void sim_do_setnx(struct sim_call *call)
{
    bool is_there = sim_key_any(call, call->argv[1]) != NULL;

    if (!is_there)
        set_text(call, call->argv[2], 0);
    sim_reply_integer(call, !is_there);
}

void sim_do_setrange(struct sim_call *call)
{
    struct fs_text added = call->argv[3];
    struct sim_value *value;
    struct sim_field text;
    int64_t offset;
    bool is_wrong;

    if (!sim_argument(call, 2, &offset))
        return;
    if (offset < 0) {
        sim_reply_error(call, "ERR offset is out of range");
        return;
    }
    value = sim_key_find(call, call->argv[1], SIM_TEXT, &is_wrong);
    if (is_wrong)
        return;
    if (added.len == 0) {
        sim_reply_integer(call, value ? (int64_t)value->as.text.value_len : 0);
        return;
    }
    if (offset > 536870912) {
        sim_reply_error(call, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    if (offset > 65536)
        sim_store_unknown(call->store, "SETRANGE beyond 64 KiB at", call->argv[2]);
    value = value ? value : sim_key_make(call, call->argv[1], SIM_TEXT);
    text = value->as.text;
    if ((size_t)offset + added.len > text.value_len) {
        text.value_len = (uint32_t)((size_t)offset + added.len);
        text.value_size = text.value_len;
        text.value = sim_memory_take(&call->store->memory, text.value_len);
        memset(text.value, 0, text.value_len);
        if (value->as.text.value_len > 0)
            memcpy(text.value, value->as.text.value, value->as.text.value_len);
    }
    memcpy(text.value + offset, added.data, added.len);
    value->as.text = text;
    sim_changed(call);
    sim_reply_integer(call, text.value_len);
}

static void add_number(struct sim_call *call, int64_t add)
{
    char text[SIM_NUMBER_SIZE];
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], SIM_TEXT, &is_wrong);
    int64_t number = 0;

    if (is_wrong)
        return;
    if (value && !sim_number_of(sim_field_value(&value->as.text), &number)) {
        sim_reply_error(call, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(number, add, &number)) {
        sim_reply_error(call, "ERR increment or decrement would overflow");
        return;
    }
    value = value ? value : sim_key_make(call, call->argv[1], SIM_TEXT);
    sim_field_set(&value->as.text, &call->store->memory, sim_number(text, number));
    sim_changed(call);
    sim_reply_integer(call, number);
}

void sim_do_incr(struct sim_call *call)
{
    add_number(call, 1);
}

void sim_do_incrby(struct sim_call *call)
{
    int64_t add;

    if (sim_argument(call, 2, &add))
        add_number(call, add);
}

/* Rights */

void sim_do_acl_whoami(struct sim_call *call)
{
    sim_reply_text(call, (struct fs_text){"default", 7});
}

void sim_do_acl_dryrun(struct sim_call *call)
{
    const struct sim_command *command = sim_command_find(call->argc - 3, call->argv + 3);
    char text[128];

    if (!command)
        sim_store_unknown(call->store, "command", call->argv[3]);
    if (!sim_command_takes(command, call->argc - 3)) {
        sim_reply_error(call, "ERR wrong number of arguments for '%s' command", command->name);
        return;
    }
    if (!call->store->is_denied[sim_command_number(command)]) {
        sim_reply_status(call, "OK");
        return;
    }
    snprintf(text, sizeof(text), "This user has no permissions to run the '%s' command",
             command->name);
    call->is_lent = false;
    sim_reply_text(call, (struct fs_text){text, strlen(text)});
}
