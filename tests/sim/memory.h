/* Memory that is given back all at once, and the dictionary that lives in it.  Running out of memory ends
 * the process. */
#ifndef FS_TESTS_SIM_MEMORY_H
#define FS_TESTS_SIM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <flashsale/strategy.h>

struct sim_block;

/* Zero it to init. */
struct sim_memory {
    struct sim_block *first; /* owned: a chain, of which `last` and those before it are in use */
    struct sim_block *last;
};

void *sim_memory_take(struct sim_memory *memory, size_t len); /* aligned for any type */
void sim_memory_reset(struct sim_memory *memory);             /* forgets all, keeps the blocks */
void sim_memory_dispose(struct sim_memory *memory);
struct fs_text sim_memory_copy(struct sim_memory *memory, struct fs_text text);

/* realloc for arrays that the caller frees: makes room for `count` items of `size` bytes. */
void *sim_grow(void *array, size_t *capacity, size_t count, size_t size);

/* One field of a hash, one member of a set, or one key of a store. */
struct sim_field {
    struct fs_text key;
    uint32_t hash;
    uint32_t value_len;
    uint32_t value_size;
    bool is_live;
    char *value;
};

/* Fields in the order in which they were added.  A field that is removed leaves its place empty, so
 * that the number of a place can serve as a cursor; added again, it comes last. */
struct sim_dict {
    struct sim_field *fields;
    uint32_t *index; /* place + 1 by hash; 0: empty */
    uint32_t index_size;
    uint32_t place_count;
    uint32_t place_capacity;
    uint32_t live_count;
};

/* NULL: it is not there. */
struct sim_field *sim_dict_find(const struct sim_dict *dict, struct fs_text key);

/* Adds the field, without a value, when it is not there.  The field stays in place until the next is
 * added. */
struct sim_field *sim_dict_add(struct sim_dict *dict, struct sim_memory *memory, struct fs_text key,
                               bool *is_new);
void sim_dict_remove(struct sim_dict *dict, struct sim_field *field);

/* Copies the value into the field. */
void sim_field_set(struct sim_field *field, struct sim_memory *memory, struct fs_text value);
static inline struct fs_text sim_field_value(const struct sim_field *field)
{
    return (struct fs_text){field->value, field->value_len};
}

#endif
