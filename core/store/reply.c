/* hiredis' reader parses RESP; these functions are what it calls to make objects of it.
 *
 * Two arenas.  A reply may be half read when the complete ones are forgotten, so replies that begin
 * after that go to the other arena; by the time that one is to be forgotten the half-read one has
 * been completed, or is still the only thing in its arena.
 *
 * What is refused ends the connection, because returning NULL makes the reader fail: a reply that
 * nobody asked for (hiredis 0.14 would end the process by an assertion), one that is larger than
 * FS_STORE_REPLY_LEN_MAX or nested deeper than FS_STORE_REPLY_DEPTH_MAX (hiredis 1.x has no bound of its
 * own), and every type beyond RESP2, which was never agreed upon. */
#include "store/reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

#define CHUNK_SIZE 16384u /* bytes: what hiredis reads at once */
#define KEPT_LEN 1048576u /* bytes that an arena keeps between turns */
#define TEXT_ALIGN 1u

struct fs_reply_chunk {
    struct fs_reply_chunk *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
};

/* What hiredis sees of a reply begins with what it looks at by itself: the type. */
struct root {
    redisReply head;
    struct fs_reply reply;
};

static struct fs_reply_chunk *chunk_create(size_t size)
{
    struct fs_reply_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

static void *chunk_take(struct fs_reply_chunk *chunk, size_t len, size_t align)
{
    size_t at = (chunk->used + align - 1) / align * align;

    if (at > chunk->size || chunk->size - at < len)
        return NULL;
    chunk->used = at + len;
    return chunk->bytes + at;
}

/* Behind the last one in use: the chunk kept from before if it fits, else a new one. */
static struct fs_reply_chunk *arena_grow(struct fs_reply_arena *arena, size_t len)
{
    struct fs_reply_chunk **place = arena->last ? &arena->last->next : &arena->first;
    struct fs_reply_chunk *chunk = *place;

    if (!chunk || chunk->size < len) {
        chunk = chunk_create(len > CHUNK_SIZE ? len : CHUNK_SIZE);
        if (!chunk)
            return NULL;
        chunk->next = *place;
        *place = chunk;
    }
    chunk->used = 0;
    arena->last = chunk;
    return chunk;
}

static void *arena_take(struct fs_reply_arena *arena, size_t len, size_t align)
{
    void *taken = arena->last ? chunk_take(arena->last, len, align) : NULL;

    if (arena->len > FS_STORE_REPLY_LEN_MAX || len > FS_STORE_REPLY_LEN_MAX - arena->len)
        return NULL;
    if (!taken) {
        struct fs_reply_chunk *chunk = arena_grow(arena, len);

        taken = chunk ? chunk_take(chunk, len, align) : NULL;
    }
    if (taken)
        arena->len += len;
    return taken;
}

static void arena_clear(struct fs_reply_arena *arena, size_t kept_len)
{
    struct fs_reply_chunk **place = &arena->first;
    size_t kept = 0;

    while (*place && kept + (*place)->size <= kept_len) {
        kept += (*place)->size;
        place = &(*place)->next;
    }
    while (*place) {
        struct fs_reply_chunk *chunk = *place;

        *place = chunk->next;
        free(chunk);
    }
    arena->last = NULL;
    arena->len = 0;
}

static void *reader_take(struct fs_reply_reader *reader, size_t len, size_t align)
{
    void *taken = arena_take(&reader->arenas[reader->building], len, align);

    if (!taken)
        reader->problem = "a reply is larger than 16 MiB";
    return taken;
}

static struct fs_reply *begin_root(struct fs_reply_reader *reader, const redisReadTask *task,
                                   void **object)
{
    struct root *root;

    if (reader->awaited == 0) {
        reader->problem = "a reply came that nobody had asked for";
        return NULL;
    }
    reader->building = reader->next;
    root = reader_take(reader, sizeof(*root), _Alignof(struct root));
    if (!root)
        return NULL;
    reader->is_building = true;
    memset(root, 0, sizeof(*root));
    root->head.type = task->type;
    *object = root;
    return &root->reply;
}

/* Where the object of a task goes; *object is what hiredis is to know it by.  NULL: refused. */
static struct fs_reply *place(const redisReadTask *task, void **object)
{
    struct fs_reply_reader *reader = task->privdata;
    const redisReadTask *parent = task->parent;
    const struct fs_reply *list;
    struct fs_reply *reply;

    if (!parent)
        return begin_root(reader, task, object);
    list = parent->parent ? parent->obj : &((struct root *)parent->obj)->reply;
    reply = (struct fs_reply *)(uintptr_t)&list->items[task->idx];
    *object = reply;
    return reply;
}

static void *create_string(const redisReadTask *task, char *data, size_t len)
{
    struct fs_reply_reader *reader = task->privdata;
    struct fs_reply *reply;
    void *object;
    char *copy;

    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS &&
        task->type != REDIS_REPLY_ERROR)
        return NULL;
    reply = place(task, &object);
    copy = reply ? reader_take(reader, len, TEXT_ALIGN) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, data, len);
    *reply = (struct fs_reply){.kind = FS_REPLY_TEXT, .text = {copy, len}};
    if (task->type == REDIS_REPLY_ERROR)
        reply->kind = fs_reply_error_kind(reply->text);
    return object;
}

static unsigned depth_of(const redisReadTask *task)
{
    unsigned depth = 0;

    while ((task = task->parent))
        depth++;
    return depth;
}

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t count)
#else
static void *create_array(const redisReadTask *task, int count)
#endif
{
    struct fs_reply_reader *reader = task->privdata;
    size_t item_count = (size_t)count;
    struct fs_reply *items;
    struct fs_reply *reply;
    void *object;

    if (task->type != REDIS_REPLY_ARRAY || depth_of(task) > FS_STORE_REPLY_DEPTH_MAX)
        return NULL;
    reply = place(task, &object);
    if (!reply)
        return NULL;
    items = item_count > FS_STORE_REPLY_LEN_MAX / sizeof(*items)
                ? NULL
                : reader_take(reader, item_count * sizeof(*items), _Alignof(struct fs_reply));
    if (!items) {
        reader->problem = "a reply is larger than 16 MiB";
        return NULL;
    }
    memset(items, 0, item_count * sizeof(*items));
    *reply = (struct fs_reply){.kind = FS_REPLY_LIST, .items = items, .item_count = item_count};
    return object;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct fs_reply *reply;
    void *object;

    if (task->type != REDIS_REPLY_INTEGER)
        return NULL;
    reply = place(task, &object);
    if (!reply)
        return NULL;
    *reply = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = value};
    return object;
}

static void *create_nil(const redisReadTask *task)
{
    struct fs_reply *reply;
    void *object;

    if (task->type == REDIS_REPLY_NIL) /* RESP3's; RESP2 has only lists and texts of length -1 */
        return NULL;
    reply = place(task, &object);
    if (!reply)
        return NULL;
    *reply = (struct fs_reply){.kind = FS_REPLY_NIL};
    return object;
}

static void free_nothing(void *object)
{
    (void)object; /* the arena's */
}

#if HIREDIS_MAJOR >= 1
static void *refuse_double(const redisReadTask *task, double value, char *data, size_t len)
{
    (void)task;
    (void)value;
    (void)data;
    (void)len;
    return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
    (void)task;
    (void)value;
    return NULL;
}
#endif

void fs_reply_reader_init(struct fs_reply_reader *reader)
{
    *reader = (struct fs_reply_reader){
        .functions =
            {
                .createString = create_string,
                .createArray = create_array,
                .createInteger = create_integer,
                .createNil = create_nil,
                .freeObject = free_nothing,
#if HIREDIS_MAJOR >= 1
                .createDouble = refuse_double,
                .createBool = refuse_bool,
#endif
            },
    };
}

void fs_reply_reader_dispose(struct fs_reply_reader *reader)
{
    arena_clear(&reader->arenas[0], 0);
    arena_clear(&reader->arenas[1], 0);
}

void fs_reply_reader_attach(struct fs_reply_reader *reader, redisReader *hiredis)
{
    hiredis->fn = &reader->functions;
    hiredis->privdata = reader;
    reader->awaited = 0;
    reader->is_building = false;
    reader->problem = NULL;
}

const struct fs_reply *fs_reply_reader_take(struct fs_reply_reader *reader, void *object)
{
    assert(reader->awaited > 0);
    reader->awaited--;
    reader->is_building = false;
    return &((struct root *)object)->reply;
}

void fs_reply_reader_detach(struct fs_reply_reader *reader)
{
    reader->is_building = false;
    reader->awaited = 0;
}

void fs_reply_reader_recycle(struct fs_reply_reader *reader)
{
    for (unsigned i = 0; i < 2; i++) {
        bool is_live = reader->is_building && i == reader->building;

        if (!is_live && reader->arenas[i].last)
            arena_clear(&reader->arenas[i], KEPT_LEN);
    }
    reader->next = reader->is_building ? 1 - reader->building : 0;
}

static bool begins_with_word(struct fs_text text, const char *word)
{
    size_t len = strlen(word);

    return text.len >= len && memcmp(text.data, word, len) == 0 &&
           (text.len == len || text.data[len] == ' ');
}

/* Before 7.0 what a command inside a script was refused with stands at the end of another error: "ERR
 * Error running script (call to f_...): @user_script:9: @user_script: 9: -OOM ...". */
static struct fs_text cause_of(struct fs_text error)
{
    static const char wrapping[] = "ERR Error running script ";
    static const char mark[] = ": -";
    const char *at = NULL;

    if (error.len > strlen(wrapping) && memcmp(error.data, wrapping, strlen(wrapping)) == 0)
        at = memmem(error.data, error.len, mark, strlen(mark));
    if (!at)
        return error;
    at += strlen(mark);
    return (struct fs_text){at, (size_t)(error.data + error.len - at)};
}

/* A command that the user may not run is refused before it runs.  Inside a script the commands before it
 * may have changed something, unless the script says that they have not (allowed_begin.lua). */
static bool is_denial(struct fs_text error, struct fs_text cause)
{
    static const char in_script[] = " script: ";
    static const char proven[] = "NOPERM nothing was written";

    if (!begins_with_word(cause, "NOPERM"))
        return false;
    if (cause.len >= strlen(proven) && memcmp(cause.data, proven, strlen(proven)) == 0)
        return true;
    return cause.data == error.data && !memmem(error.data, error.len, in_script, strlen(in_script));
}

enum fs_reply_kind fs_reply_error_kind(struct fs_text error)
{
    /* Redis checks each of these before a command runs, and inside a script only at its first
     * write (scriptVerifyWriteCommandAllow and scriptVerifyOOM of script.c, 7.0;
     * luaRedisGenericCommand of scripting.c, 6.2, by what cannot change meanwhile): so none of them
     * comes after something was changed.  The last three are answered before anything runs at
     * all. */
    static const char *const not_run[] = {
        "LOADING",     "READONLY", "MASTERDOWN", "OOM",    "MISCONF", "NOREPLICAS", "BUSY",
        "CLUSTERDOWN", "TRYAGAIN", "NOSCRIPT",   "NOAUTH", "MOVED",   "ASK",        "WRONGPASS",
    };

    struct fs_text cause = cause_of(error);

    if (is_denial(error, cause))
        return FS_REPLY_REFUSED;
    for (size_t i = 0; i < sizeof(not_run) / sizeof(not_run[0]); i++)
        if (begins_with_word(cause, not_run[i]))
            return FS_REPLY_REFUSED;
    return FS_REPLY_ERROR;
}

bool fs_reply_is_denial(const struct fs_reply *reply)
{
    struct fs_text cause = reply->kind == FS_REPLY_REFUSED ? cause_of(reply->text) : reply->text;

    return reply->kind == FS_REPLY_REFUSED &&
           (begins_with_word(cause, "NOPERM") || begins_with_word(cause, "NOAUTH") ||
            begins_with_word(cause, "WRONGPASS"));
}

bool fs_reply_is_noscript(const struct fs_reply *reply)
{
    return reply->kind == FS_REPLY_REFUSED && begins_with_word(reply->text, "NOSCRIPT");
}
