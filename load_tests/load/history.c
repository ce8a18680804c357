/* The list of a run's operations: blocks that never move, so that adding is cheap at any length. */
#include "load/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *fs_operation_kind_name(enum fs_operation_kind kind)
{
    static const char *const names[] = {
        [FS_OPERATION_PURCHASE] = "purchase", [FS_OPERATION_INVENTORY] = "inventory",
        [FS_OPERATION_CANCEL] = "cancel",     [FS_OPERATION_LOOKUP] = "lookup",
        [FS_OPERATION_RESTOCK] = "restock",   [FS_OPERATION_LOGIN] = "login",
    };

    return names[kind];
}

const char *fs_answer_name(enum fs_answer answer)
{
    static const char *const names[FS_ANSWER_KINDS] = {
        [0] = "none",
        [FS_ANSWER_OK] = "ok",
        [FS_ANSWER_SOLD_OUT] = "sold_out",
        [FS_ANSWER_LIMIT] = "limit",
        [FS_ANSWER_BUSY] = "busy",
        [FS_ANSWER_UNAVAILABLE] = "unavailable",
        [FS_ANSWER_UNDETERMINED] = "undetermined",
        [FS_ANSWER_IN_PROGRESS] = "in_progress",
        [FS_ANSWER_UNEXPECTED_4XX] = "unexpected_4xx",
        [FS_ANSWER_5XX] = "http_5xx",
        [FS_ANSWER_TIMEOUT] = "timeout",
        [FS_ANSWER_TRANSPORT] = "transport",
        [FS_ANSWER_CUT] = "cut",
    };

    return names[answer];
}

bool fs_answer_is_error(enum fs_answer answer)
{
    switch (answer) {
    case FS_ANSWER_UNAVAILABLE:
    case FS_ANSWER_UNDETERMINED:
    case FS_ANSWER_UNEXPECTED_4XX:
    case FS_ANSWER_5XX:
    case FS_ANSWER_TIMEOUT:
    case FS_ANSWER_TRANSPORT:
        return true;
    default:
        return false;
    }
}

void fs_history_init(struct fs_history *history)
{
    *history = (struct fs_history){NULL, 0, 0};
}

void fs_history_dispose(struct fs_history *history)
{
    for (size_t i = 0; i < history->block_count; i++)
        free(history->blocks[i]);
    free(history->blocks);
    fs_history_init(history);
}

static int add_block(struct fs_history *history)
{
    struct fs_operation **blocks =
        reallocarray(history->blocks, history->block_count + 1, sizeof(struct fs_operation *));

    if (!blocks)
        return -ENOMEM;
    history->blocks = blocks;
    blocks[history->block_count] = calloc(FS_HISTORY_BLOCK, sizeof(struct fs_operation));
    if (!blocks[history->block_count])
        return -ENOMEM;
    history->block_count++;
    return 0;
}

struct fs_operation *fs_history_add(struct fs_history *history)
{
    if (history->count == history->block_count * FS_HISTORY_BLOCK && add_block(history) != 0)
        return NULL;
    return fs_history_at(history, history->count++);
}

/* Copies to the end; the room is there. */
static void append_all(struct fs_history *into, const struct fs_history *from)
{
    for (size_t i = 0; i < from->count; i++)
        *fs_history_at(into, into->count++) = *fs_history_at(from, i);
}

int fs_history_append(struct fs_history *into, struct fs_history *from)
{
    size_t blocks_before = into->block_count;

    if (into->count == 0) {
        fs_history_dispose(into);
        *into = *from;
        fs_history_init(from);
        return 0;
    }
    while (into->block_count * FS_HISTORY_BLOCK < into->count + from->count) {
        if (add_block(into) == 0)
            continue;
        while (into->block_count > blocks_before)
            free(into->blocks[--into->block_count]);
        return -ENOMEM;
    }
    append_all(into, from);
    fs_history_dispose(from);
    return 0;
}
