/* A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): adding is O(1), taking O(log n)
 * amortised, and a node needs two pointers and its key, which is what a call has room for. */
#include "strategy/timers.h"

#include <assert.h>

/* What is kept in fs_call.reserved.  Any other user of those words may have written them before. */
struct __attribute__((may_alias)) timer_node {
    struct fs_call *child;
    struct fs_call *sibling;
    uint64_t due_us;
    uint64_t number;
};

_Static_assert(sizeof(struct timer_node) <= sizeof(((struct fs_call *)0)->reserved),
               "a timer fits into the reserved words of a call: 64-bit pointers are needed");

static struct timer_node *node_of(struct fs_call *call)
{
    return (struct timer_node *)(void *)call->reserved;
}

static const struct timer_node *node_of_const(const struct fs_call *call)
{
    return (const struct timer_node *)(const void *)call->reserved;
}

static bool is_before(const struct timer_node *a, const struct timer_node *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

/* Either may be NULL; neither has siblings. */
static struct fs_call *merge(struct fs_call *a, struct fs_call *b)
{
    if (!a || !b)
        return a ? a : b;
    if (is_before(node_of(b), node_of(a))) {
        struct fs_call *later = a;

        a = b;
        b = later;
    }
    node_of(b)->sibling = node_of(a)->child;
    node_of(a)->child = b;
    return a;
}

/* Merges a row of siblings: in pairs from the left, then the pairs from the right. */
static struct fs_call *merge_row(struct fs_call *row)
{
    struct fs_call *pairs = NULL;
    struct fs_call *root = NULL;

    while (row) {
        struct fs_call *a = row;
        struct fs_call *b = node_of(a)->sibling;

        row = b ? node_of(b)->sibling : NULL;
        node_of(a)->sibling = NULL;
        if (b)
            node_of(b)->sibling = NULL;
        a = merge(a, b);
        node_of(a)->sibling = pairs;
        pairs = a;
    }
    while (pairs) {
        struct fs_call *next = node_of(pairs)->sibling;

        node_of(pairs)->sibling = NULL;
        root = merge(root, pairs);
        pairs = next;
    }
    return root;
}

void fs_timers_init(struct fs_timers *timers)
{
    *timers = (struct fs_timers){0};
}

void fs_timers_add(struct fs_timers *timers, struct fs_call *call, uint64_t due_us)
{
    *node_of(call) = (struct timer_node){.due_us = due_us, .number = timers->next_number++};
    timers->first = merge(timers->first, call);
}

struct fs_call *fs_timers_take(struct fs_timers *timers, uint64_t now_us, uint64_t number_end)
{
    struct fs_call *first = timers->first;

    if (!first || node_of(first)->due_us > now_us || node_of(first)->number >= number_end)
        return NULL;
    timers->first = merge_row(node_of(first)->child);
    return first;
}

uint64_t fs_timers_next_due_us(const struct fs_timers *timers)
{
    return timers->first ? node_of_const(timers->first)->due_us : UINT64_MAX;
}
