/* Blocks of memory that are given back together, and a dictionary in insertion order. */
#include "sim/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 32768u /* bytes: a store of one short simulation fits into a few */
#define ALIGNMENT 16u
#define INDEX_SIZE_MIN 8u

struct sim_block {
    struct sim_block *next;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) char bytes[];
};

static void *need(void *memory)
{
    if (memory)
        return memory;
    fputs("sim: out of memory\n", stderr);
    exit(1);
}

void *sim_memory_take(struct sim_memory *memory, size_t len)
{
    struct sim_block **place = memory->last ? &memory->last->next : &memory->first;
    struct sim_block *block = memory->last;
    size_t size = (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    if (block && block->size - block->used >= size) {
        block->used += size;
        return block->bytes + block->used - size;
    }
    block = *place;
    if (!block || block->size < size) {
        size_t wanted = size > BLOCK_SIZE ? size : BLOCK_SIZE;

        block = need(malloc(sizeof(*block) + wanted));
        block->next = *place;
        block->size = wanted;
        *place = block;
    }
    memory->last = block;
    block->used = size;
    return block->bytes;
}

void sim_memory_reset(struct sim_memory *memory)
{
    memory->last = NULL;
}

void sim_memory_dispose(struct sim_memory *memory)
{
    while (memory->first) {
        struct sim_block *block = memory->first;

        memory->first = block->next;
        free(block);
    }
    memory->last = NULL;
}

struct fs_text sim_memory_copy(struct sim_memory *memory, struct fs_text text)
{
    char *copy = sim_memory_take(memory, text.len);

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return (struct fs_text){copy, text.len};
}

void *sim_grow(void *array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity)
        return array;
    *capacity = *capacity * 2 > count ? *capacity * 2 : count;
    return need(realloc(array, *capacity * size));
}

/* FNV-1a. */
static uint32_t hash_of(struct fs_text key)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 16777619u;
    return hash;
}

/* Where the key is in the index, or the empty slot where it would go. */
static uint32_t *slot_of(const struct sim_dict *dict, struct fs_text key, uint32_t hash)
{
    uint32_t mask = dict->index_size - 1;

    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        const struct sim_field *field;

        if (dict->index[i] == 0)
            return &dict->index[i];
        field = &dict->fields[dict->index[i] - 1];
        if (field->hash == hash && field->key.len == key.len &&
            memcmp(field->key.data, key.data, key.len) == 0)
            return &dict->index[i];
    }
}

struct sim_field *sim_dict_find(const struct sim_dict *dict, struct fs_text key)
{
    uint32_t place;

    if (dict->live_count == 0)
        return NULL;
    place = *slot_of(dict, key, hash_of(key));
    return place > 0 && dict->fields[place - 1].is_live ? &dict->fields[place - 1] : NULL;
}

static void grow(struct sim_dict *dict, struct sim_memory *memory)
{
    struct sim_field *fields = dict->fields;
    uint32_t capacity = dict->place_capacity > 0 ? dict->place_capacity * 2 : INDEX_SIZE_MIN / 2;

    dict->fields = sim_memory_take(memory, capacity * sizeof(*fields));
    if (dict->place_count > 0)
        memcpy(dict->fields, fields, dict->place_count * sizeof(*fields));
    dict->place_capacity = capacity;
    dict->index_size = capacity * 2;
    dict->index = sim_memory_take(memory, dict->index_size * sizeof(*dict->index));
    memset(dict->index, 0, dict->index_size * sizeof(*dict->index));
    for (uint32_t i = 0; i < dict->place_count; i++)
        *slot_of(dict, dict->fields[i].key, dict->fields[i].hash) = i + 1;
}

struct sim_field *sim_dict_add(struct sim_dict *dict, struct sim_memory *memory, struct fs_text key,
                               bool *is_new)
{
    uint32_t hash = hash_of(key);
    struct sim_field *field;
    uint32_t *slot;

    if (dict->place_count == dict->place_capacity)
        grow(dict, memory);
    slot = slot_of(dict, key, hash);
    *is_new = *slot == 0 || !dict->fields[*slot - 1].is_live;
    if (!*is_new)
        return &dict->fields[*slot - 1];
    if (*slot > 0)
        key = dict->fields[*slot - 1].key;
    else
        key = sim_memory_copy(memory, key);
    field = &dict->fields[dict->place_count++];
    *field = (struct sim_field){.key = key, .hash = hash, .is_live = true};
    *slot = dict->place_count;
    dict->live_count++;
    return field;
}

void sim_dict_remove(struct sim_dict *dict, struct sim_field *field)
{
    field->is_live = false;
    dict->live_count--;
}

void sim_field_set(struct sim_field *field, struct sim_memory *memory, struct fs_text value)
{
    if (value.len > field->value_size || !field->value) {
        field->value_size = (uint32_t)value.len;
        field->value = sim_memory_take(memory, value.len);
    }
    if (value.len > 0)
        memmove(field->value, value.data, value.len);
    field->value_len = (uint32_t)value.len;
}
