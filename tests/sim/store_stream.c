/* Commands on streams. */
#include "sim/store_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_SIZE 48u
#define APPROXIMATE_LIMIT (100u * SIM_STREAM_NODE_MAX) /* entries that one ~ removes at most */

struct id {
    uint64_t ms, sequence;
};

static int compare(struct id a, struct id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    if (a.sequence != b.sequence)
        return a.sequence < b.sequence ? -1 : 1;
    return 0;
}

static bool read_u64(const char *from, const char *to, uint64_t *number)
{
    *number = 0;
    if (from == to || to - from > 20 || (*from == '0' && to - from > 1))
        return false;
    for (; from < to; from++) {
        if (*from < '0' || *from > '9' || __builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*from - '0'), number))
            return false;
    }
    return true;
}

/* "ms-sequence" or "ms". */
static bool read_id(struct fs_text text, uint64_t sequence, struct id *id)
{
    const char *end = text.data + text.len;
    const char *minus = text.len > 0 ? memchr(text.data, '-', text.len) : NULL;

    id->sequence = sequence;
    return read_u64(text.data, minus ? minus : end, &id->ms) &&
           (!minus || read_u64(minus + 1, end, &id->sequence));
}

static void set_id(struct sim_call *call, struct fs_reply *reply, struct id id)
{
    char *text = sim_memory_take(call->memory, ID_SIZE);
    int len = snprintf(text, ID_SIZE, "%" PRIu64 "-%" PRIu64, id.ms, id.sequence);

    *reply = (struct fs_reply){.kind = FS_REPLY_TEXT, .text = {text, (size_t)len}};
}

struct trim {
    bool is_wanted, is_exact;
    uint64_t length_max;
};

/* From argv[2] on.  The index of the first word that is no option; 0: an error was replied. */
static size_t read_options(struct sim_call *call, struct trim *trim)
{
    size_t i = 2;

    while (i + 1 < call->argc && sim_word_is(call->argv[i], "MAXLEN")) {
        int64_t number;

        trim->is_wanted = true;
        trim->is_exact = true;
        i++;
        if (i + 1 < call->argc &&
            (sim_word_is(call->argv[i], "~") || sim_word_is(call->argv[i], "="))) {
            trim->is_exact = call->argv[i].data[0] == '=';
            i++;
        }
        if (!sim_argument(call, i, &number))
            return 0;
        if (number < 0) {
            sim_reply_error(call, "ERR The MAXLEN argument must be >= 0.");
            return 0;
        }
        trim->length_max = (uint64_t)number;
        i++;
        if (i < call->argc && sim_word_is(call->argv[i], "MAXLEN")) {
            sim_reply_error(call, "ERR syntax error, MAXLEN and MINID options at the same time are "
                                  "not compatible");
            return 0;
        }
    }
    return i;
}

static void drop_entries(struct sim_stream *stream, size_t count)
{
    stream->entry_first += count;
    stream->nodes[stream->node_first].live_count -= (uint32_t)count;
}

void sim_trim_stream(struct sim_stream *stream, uint64_t length_max, bool is_exact)
{
    size_t removed = 0;

    while (stream->node_first < stream->node_count) {
        const struct sim_stream_node *node = &stream->nodes[stream->node_first];
        size_t length = stream->entry_count - stream->entry_first;
        size_t live = node->live_count;

        if (length <= length_max || (!is_exact && removed + live > APPROXIMATE_LIMIT))
            return;
        if (length - live < length_max) {
            if (is_exact)
                drop_entries(stream, length - length_max);
            return;
        }
        drop_entries(stream, live);
        stream->node_first++;
        removed += live;
    }
}

/* Where there is no more room, the entries that are left move to the front of more. */
static struct sim_stream_entry *append(struct sim_stream *stream, struct sim_memory *memory)
{
    struct sim_stream_node *node;

    if (stream->entry_count == stream->entry_capacity) {
        struct sim_stream_entry *entries = stream->entries;
        size_t live = stream->entry_count - stream->entry_first;

        stream->entry_capacity = live * 2 + 8;
        stream->entries = sim_memory_take(memory, stream->entry_capacity * sizeof(*entries));
        if (live > 0)
            memcpy(stream->entries, entries + stream->entry_first, live * sizeof(*entries));
        stream->entry_first = 0;
        stream->entry_count = live;
    }
    if (stream->node_count == stream->node_first ||
        stream->nodes[stream->node_count - 1].added_count == SIM_STREAM_NODE_MAX) {
        if (stream->node_count == stream->node_capacity) {
            struct sim_stream_node *nodes = stream->nodes;
            size_t live = stream->node_count - stream->node_first;

            stream->node_capacity = live * 2 + 4;
            stream->nodes = sim_memory_take(memory, stream->node_capacity * sizeof(*nodes));
            if (live > 0)
                memcpy(stream->nodes, nodes + stream->node_first, live * sizeof(*nodes));
            stream->node_first = 0;
            stream->node_count = live;
        }
        stream->nodes[stream->node_count++] = (struct sim_stream_node){0};
    }
    node = &stream->nodes[stream->node_count - 1];
    node->live_count++;
    node->added_count++;
    return &stream->entries[stream->entry_count++];
}

/* The id of the next entry: by the clock, and above the last one when the clock is behind. */
static struct id next_id(const struct sim_call *call, const struct sim_stream *stream)
{
    struct id id = {(uint64_t)(call->store->clock_us / 1000), 0};

    if (id.ms > stream->last_ms)
        return id;
    id = (struct id){stream->last_ms, stream->last_sequence + 1};
    return id;
}

static void record(struct sim_call *call, size_t id_word, const struct fs_reply *id)
{
    struct fs_text *argv = sim_memory_take(call->memory, call->argc * sizeof(*argv));

    memcpy(argv, call->argv, call->argc * sizeof(*argv));
    argv[id_word] = id->text;
    sim_changed_as(call->store, call->command, call->argc, argv);
}

void sim_do_xadd(struct sim_call *call)
{
    struct trim trim = {0};
    size_t id_word = read_options(call, &trim);
    struct sim_stream_entry *entry;
    struct sim_value *value;
    struct id id = {0};
    bool is_given;

    if (id_word == 0)
        return;
    if (id_word < call->argc &&
        (sim_word_is(call->argv[id_word], "NOMKSTREAM") ||
         sim_word_is(call->argv[id_word], "MINID") || sim_word_is(call->argv[id_word], "LIMIT")))
        sim_store_unknown(call->store, "option of XADD", call->argv[id_word]);
    is_given = id_word < call->argc && !sim_word_is(call->argv[id_word], "*");
    if (is_given && !read_id(call->argv[id_word], 0, &id)) {
        sim_reply_error(call, "ERR Invalid stream ID specified as stream command argument");
        return;
    }
    if (call->argc < id_word + 3 || (call->argc - id_word - 1) % 2 == 1) {
        sim_reply_error(call, "ERR wrong number of arguments for 'xadd' command");
        return;
    }
    if (is_given && id.ms == 0 && id.sequence == 0) {
        sim_reply_error(call, "ERR The ID specified in XADD must be greater than 0-0");
        return;
    }
    value = sim_key_make(call, call->argv[1], SIM_STREAM);
    if (!value)
        return;
    if (!is_given)
        id = next_id(call, &value->as.stream);
    if (compare(id, (struct id){value->as.stream.last_ms, value->as.stream.last_sequence}) <= 0) {
        sim_reply_error(call, "ERR The ID specified in XADD is equal or smaller than the target "
                              "stream top item");
        return;
    }
    entry = append(&value->as.stream, &call->store->memory);
    entry->ms = value->as.stream.last_ms = id.ms;
    entry->sequence = value->as.stream.last_sequence = id.sequence;
    entry->word_count = call->argc - id_word - 1;
    entry->words = sim_memory_take(&call->store->memory, entry->word_count * sizeof(*entry->words));
    for (size_t i = 0; i < entry->word_count; i++)
        entry->words[i] = sim_memory_copy(&call->store->memory, call->argv[id_word + 1 + i]);
    set_id(call, call->reply, id);
    if (trim.is_wanted)
        sim_trim_stream(&value->as.stream, trim.length_max, trim.is_exact);
    record(call, id_word, call->reply);
}

void sim_do_xtrim(struct sim_call *call)
{
    struct trim trim = {0};
    size_t end = read_options(call, &trim);
    struct sim_value *value;
    size_t before;
    bool is_wrong;

    if (end == 0)
        return;
    if (end < call->argc || !trim.is_wanted)
        sim_store_unknown(call->store, "option of XTRIM", call->argv[2]);
    value = sim_key_find(call, call->argv[1], SIM_STREAM, &is_wrong);
    if (is_wrong)
        return;
    before = value ? value->as.stream.entry_first : 0;
    if (value)
        sim_trim_stream(&value->as.stream, trim.length_max, trim.is_exact);
    if (value && value->as.stream.entry_first > before)
        sim_changed(call);
    sim_reply_integer(call, value ? (int64_t)(value->as.stream.entry_first - before) : 0);
}

void sim_do_xlen(struct sim_call *call)
{
    bool is_wrong;
    struct sim_value *value = sim_key_find(call, call->argv[1], SIM_STREAM, &is_wrong);

    if (!is_wrong)
        sim_reply_integer(
            call,
            value ? (int64_t)(value->as.stream.entry_count - value->as.stream.entry_first) : 0);
}

static bool read_bound(struct sim_call *call, struct fs_text text, uint64_t sequence, struct id *id)
{
    if (text.len > 0 && text.data[0] == '(')
        sim_store_unknown(call->store, "bound of XRANGE", text);
    if (sim_word_is(text, "-") || sim_word_is(text, "+")) {
        uint64_t end = text.data[0] == '-' ? 0 : UINT64_MAX;

        *id = (struct id){end, end};
        return true;
    }
    if (read_id(text, sequence, id))
        return true;
    sim_reply_error(call, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

static void set_entry(struct sim_call *call, struct fs_reply *reply,
                      const struct sim_stream_entry *entry)
{
    struct fs_reply *pair = sim_memory_take(call->memory, 2 * sizeof(*pair));
    struct fs_reply *words = sim_memory_take(call->memory, entry->word_count * sizeof(*words));

    *reply = (struct fs_reply){.kind = FS_REPLY_LIST, .items = pair, .item_count = 2};
    set_id(call, &pair[0], (struct id){entry->ms, entry->sequence});
    pair[1] =
        (struct fs_reply){.kind = FS_REPLY_LIST, .items = words, .item_count = entry->word_count};
    for (size_t i = 0; i < entry->word_count; i++)
        sim_reply_set_text(call, &words[i], entry->words[i]);
}

static void range(struct sim_call *call, size_t low_word, size_t high_word, bool is_backwards)
{
    const struct sim_stream *stream;
    struct sim_value *value;
    struct fs_reply *items;
    int64_t count = INT64_MAX;
    struct id low, high;
    size_t n = 0;
    bool is_wrong;

    if (!read_bound(call, call->argv[low_word], 0, &low) ||
        !read_bound(call, call->argv[high_word], UINT64_MAX, &high))
        return;
    if (call->argc > 4 && (call->argc != 6 || !sim_word_is(call->argv[4], "COUNT"))) {
        sim_reply_error(call, "ERR syntax error");
        return;
    }
    if (call->argc > 4 && !sim_argument(call, 5, &count))
        return;
    value = sim_key_find(call, call->argv[1], SIM_STREAM, &is_wrong);
    if (is_wrong)
        return;
    if (value && count <= 0) {
        sim_reply_nil(call);
        return;
    }
    stream = value ? &value->as.stream : NULL;
    items = sim_reply_list(call, stream ? stream->entry_count - stream->entry_first : 0);
    for (size_t i = stream ? stream->entry_first : 0;
         stream && i < stream->entry_count && (int64_t)n < count; i++) {
        size_t at = is_backwards ? stream->entry_count - 1 - (i - stream->entry_first) : i;
        const struct sim_stream_entry *entry = &stream->entries[at];
        struct id id = {entry->ms, entry->sequence};

        if (compare(id, low) >= 0 && compare(id, high) <= 0)
            set_entry(call, &items[n++], entry);
    }
    call->reply->item_count = n;
}

void sim_do_xrange(struct sim_call *call)
{
    range(call, 2, 3, false);
}

void sim_do_xrevrange(struct sim_call *call)
{
    range(call, 3, 2, true);
}
