/* Intrusive doubly linked list with an anchor: no allocation, O(1) removal. */
#ifndef FS_BASE_LIST_H
#define FS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define FS_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct fs_link {
    struct fs_link *next;
    struct fs_link *prev;
};

/* An anchor that points to itself is an empty list; a member that points to itself is in no list. */
static inline void fs_link_init(struct fs_link *link)
{
    link->next = link->prev = link;
}

static inline bool fs_link_is_alone(const struct fs_link *link)
{
    return link->next == link;
}

static inline void fs_link_append(struct fs_link *anchor, struct fs_link *link)
{
    link->prev = anchor->prev;
    link->next = anchor;
    anchor->prev->next = link;
    anchor->prev = link;
}

static inline void fs_link_remove(struct fs_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    fs_link_init(link);
}

/* Takes the first member out; NULL when the list is empty. */
static inline struct fs_link *fs_link_shift(struct fs_link *anchor)
{
    struct fs_link *first = anchor->next;

    if (first == anchor)
        return NULL;
    fs_link_remove(first);
    return first;
}

/* Moves all members of from to the end of anchor. */
static inline void fs_link_splice(struct fs_link *anchor, struct fs_link *from)
{
    if (fs_link_is_alone(from))
        return;
    from->next->prev = anchor->prev;
    anchor->prev->next = from->next;
    from->prev->next = anchor;
    anchor->prev = from->prev;
    fs_link_init(from);
}

#endif
