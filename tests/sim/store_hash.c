/* Commands on hashes and sets. */
#include "sim/store_commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct sim_field *field_of(const struct sim_value *hash, struct fs_text name)
{
    return hash ? sim_dict_find(&hash->as.dict, name) : NULL;
}

static void set_item(struct sim_call *call, struct fs_reply *item, const struct sim_field *field)
{
    if (field)
        sim_reply_set_text(call, item, sim_field_value(field));
    else
        *item = (struct fs_reply){.kind = FS_REPLY_NIL};
}

static bool put(struct sim_call *call, struct sim_value *hash, struct fs_text name,
                struct fs_text value)
{
    bool is_new;
    struct sim_field *field = sim_dict_add(&hash->as.dict, &call->store->memory, name, &is_new);

    sim_field_set(field, &call->store->memory, value);
    return is_new;
}

void sim_do_hset(struct sim_call *call)
{
    struct sim_value *hash;
    int64_t added = 0;

    if (call->argc % 2 == 1) {
        sim_reply_error(call, "ERR wrong number of arguments for 'hset' command");
        return;
    }
    hash = sim_key_make(call, call->argv[1], SIM_HASH);
    if (!hash)
        return;
    for (size_t i = 2; i < call->argc; i += 2)
        added += put(call, hash, call->argv[i], call->argv[i + 1]);
    sim_changed(call);
    sim_reply_integer(call, added);
}

void sim_do_hsetnx(struct sim_call *call)
{
    struct sim_value *hash = sim_key_make(call, call->argv[1], SIM_HASH);

    if (!hash)
        return;
    if (sim_dict_find(&hash->as.dict, call->argv[2])) {
        sim_reply_integer(call, 0);
        return;
    }
    put(call, hash, call->argv[2], call->argv[3]);
    sim_changed(call);
    sim_reply_integer(call, 1);
}

void sim_do_hget(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *hash = sim_key_find(call, call->argv[1], SIM_HASH, &is_wrong);

    if (!is_wrong)
        set_item(call, call->reply, field_of(hash, call->argv[2]));
}

void sim_do_hmget(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *hash = sim_key_find(call, call->argv[1], SIM_HASH, &is_wrong);
    struct fs_reply *items;

    if (is_wrong)
        return;
    items = sim_reply_list(call, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++)
        set_item(call, &items[i - 2], field_of(hash, call->argv[i]));
}

void sim_do_hexists(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *hash = sim_key_find(call, call->argv[1], SIM_HASH, &is_wrong);

    if (!is_wrong)
        sim_reply_integer(call, field_of(hash, call->argv[2]) != NULL);
}

void sim_do_hstrlen(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *hash = sim_key_find(call, call->argv[1], SIM_HASH, &is_wrong);
    const struct sim_field *field;

    if (is_wrong)
        return;
    field = field_of(hash, call->argv[2]);
    sim_reply_integer(call, field ? (int64_t)field->value_len : 0);
}

static void count(struct sim_call *call, enum sim_type type)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], type, &is_wrong);

    if (!is_wrong)
        sim_reply_integer(call, value ? (int64_t)value->as.dict.live_count : 0);
}

void sim_do_hlen(struct sim_call *call)
{
    count(call, SIM_HASH);
}

static void list(struct sim_call *call, enum sim_type type, bool with_keys, bool with_values)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], type, &is_wrong);
    struct fs_reply *items;
    size_t n = 0;

    if (is_wrong)
        return;
    items = sim_reply_list(
        call, value ? value->as.dict.live_count * (1u + (with_keys && with_values)) : 0);
    for (uint32_t i = 0; value && i < value->as.dict.place_count; i++) {
        const struct sim_field *field = &value->as.dict.fields[i];

        if (!field->is_live)
            continue;
        if (with_keys)
            sim_reply_set_text(call, &items[n++], field->key);
        if (with_values)
            sim_reply_set_text(call, &items[n++], sim_field_value(field));
    }
}

void sim_do_hgetall(struct sim_call *call)
{
    list(call, SIM_HASH, true, true);
}

void sim_do_hkeys(struct sim_call *call)
{
    list(call, SIM_HASH, true, false);
}

void sim_do_hvals(struct sim_call *call)
{
    list(call, SIM_HASH, false, true);
}

/* Removes the fields from argv[2] on, and the key with the last of them. */
static void remove_fields(struct sim_call *call, enum sim_type type)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], type, &is_wrong);
    int64_t removed = 0;

    if (is_wrong)
        return;
    for (size_t i = 2; value && i < call->argc && value->as.dict.live_count > 0; i++) {
        struct sim_field *field = sim_dict_find(&value->as.dict, call->argv[i]);

        if (field) {
            sim_dict_remove(&value->as.dict, field);
            removed++;
        }
    }
    if (value && value->as.dict.live_count == 0)
        sim_key_remove(call->store, call->argv[1]);
    if (removed > 0)
        sim_changed(call);
    sim_reply_integer(call, removed);
}

void sim_do_hdel(struct sim_call *call)
{
    remove_fields(call, SIM_HASH);
}

void sim_do_hincrby(struct sim_call *call)
{
    char text[SIM_NUMBER_SIZE];
    int64_t add, number = 0;
    struct sim_value *hash;
    const struct sim_field *field;

    if (!sim_argument(call, 3, &add))
        return;
    hash = sim_key_make(call, call->argv[1], SIM_HASH);
    if (!hash)
        return;
    field = sim_dict_find(&hash->as.dict, call->argv[2]);
    if (field && !sim_number_of(sim_field_value(field), &number)) {
        sim_reply_error(call, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(number, add, &number)) {
        sim_reply_error(call, "ERR increment or decrement would overflow");
        return;
    }
    put(call, hash, call->argv[2], sim_number(text, number));
    sim_changed(call);
    sim_reply_integer(call, number);
}

/* COUNT of the words from argv[3] on; 0: an error was replied. */
static size_t scan_count(struct sim_call *call)
{
    int64_t wanted = 10;

    for (size_t i = 3; i < call->argc; i += 2) {
        if (!sim_word_is(call->argv[i], "COUNT"))
            sim_store_unknown(call->store, "HSCAN option", call->argv[i]);
        if (i + 1 == call->argc) {
            sim_reply_error(call, "ERR syntax error");
            return 0;
        }
        if (!sim_argument(call, i + 1, &wanted))
            return 0;
        if (wanted < 1) {
            sim_reply_error(call, "ERR syntax error");
            return 0;
        }
    }
    return (size_t)wanted;
}

static bool is_cursor(struct fs_text text, uint64_t *cursor)
{
    char digits[32];
    char *end;

    if (text.len >= sizeof(digits) || (text.len > 0 && isspace((unsigned char)text.data[0])))
        return false;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    errno = 0;
    *cursor = strtoul(digits, &end, 10);
    return *end == '\0' && errno == 0;
}

/* The cursor is the place where the next page begins: a field that is there all the while is returned
 * once, and no promise is made for others, as in Redis. */
void sim_do_hscan(struct sim_call *call)
{
    char text[SIM_NUMBER_SIZE];
    struct sim_value *hash;
    struct fs_reply *items, *page;
    const struct sim_dict *dict;
    uint64_t cursor;
    size_t n = 0, wanted;
    bool is_wrong;

    if (!is_cursor(call->argv[2], &cursor)) {
        sim_reply_error(call, "ERR invalid cursor");
        return;
    }
    hash = sim_key_find(call, call->argv[1], SIM_HASH, &is_wrong);
    if (is_wrong)
        return;
    if (!hash) {
        items = sim_reply_list(call, 2);
        sim_reply_set_text(call, &items[0], sim_number(text, 0));
        items[1] = (struct fs_reply){.kind = FS_REPLY_LIST};
        return;
    }
    wanted = scan_count(call);
    if (wanted == 0)
        return;
    dict = &hash->as.dict;
    if (call->store->scan_max == 0) {
        cursor = 0; /* a small hash is returned whole, whatever the cursor */
        wanted = dict->live_count;
    } else if (wanted > call->store->scan_max) {
        wanted = call->store->scan_max;
    }
    items = sim_reply_list(call, 2);
    page = sim_memory_take(call->memory, wanted * 2 * sizeof(*page));
    for (; cursor < dict->place_count && n < wanted * 2; cursor++)
        if (dict->fields[cursor].is_live) {
            sim_reply_set_text(call, &page[n++], dict->fields[cursor].key);
            sim_reply_set_text(call, &page[n++], sim_field_value(&dict->fields[cursor]));
        }
    while (cursor < dict->place_count && !dict->fields[cursor].is_live)
        cursor++;
    items[1] = (struct fs_reply){.kind = FS_REPLY_LIST, .items = page, .item_count = n};
    call->is_lent = false; /* the text is on this stack */
    sim_reply_set_text(call, &items[0],
                       sim_number(text, cursor < dict->place_count ? (int64_t)cursor : 0));
}

void sim_do_sadd(struct sim_call *call)
{
    struct sim_value *set = sim_key_make(call, call->argv[1], SIM_SET);
    int64_t added = 0;
    bool is_new;

    if (!set)
        return;
    for (size_t i = 2; i < call->argc; i++) {
        sim_dict_add(&set->as.dict, &call->store->memory, call->argv[i], &is_new);
        added += is_new;
    }
    if (added > 0)
        sim_changed(call);
    sim_reply_integer(call, added);
}

void sim_do_srem(struct sim_call *call)
{
    remove_fields(call, SIM_SET);
}

void sim_do_scard(struct sim_call *call)
{
    count(call, SIM_SET);
}

void sim_do_sismember(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *set = sim_key_find(call, call->argv[1], SIM_SET, &is_wrong);

    if (!is_wrong)
        sim_reply_integer(call, field_of(set, call->argv[2]) != NULL);
}

void sim_do_smembers(struct sim_call *call)
{
    list(call, SIM_SET, true, false);
}
