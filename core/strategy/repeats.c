/* A small table of hashes; the line that was written longest ago makes room. */
#include "strategy/repeats.h"

void fs_repeats_init(struct fs_repeats *repeats)
{
    *repeats = (struct fs_repeats){.mutex = PTHREAD_MUTEX_INITIALIZER};
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *line)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *line; line++)
        hash = (hash ^ (unsigned char)*line) * UINT64_C(0x100000001b3);
    return hash;
}

bool fs_repeats_may_write(struct fs_repeats *repeats, const char *line, uint64_t now_us,
                          uint32_t *held_back)
{
    uint64_t hash = hash_of(line);
    unsigned at = 0;
    bool is_known = false;
    bool may_write;

    pthread_mutex_lock(&repeats->mutex);
    for (unsigned i = 0; i < FS_REPEATS_LINES && !is_known; i++) {
        is_known = repeats->lines[i].hash == hash && repeats->lines[i].written_us != 0;
        if (is_known || repeats->lines[i].written_us < repeats->lines[at].written_us)
            at = i;
    }
    *held_back = is_known ? repeats->lines[at].held_back : 0;
    may_write = !is_known || now_us - repeats->lines[at].written_us >= FS_REPEATS_SPAN_US;
    if (may_write) {
        repeats->lines[at].hash = hash;
        repeats->lines[at].written_us = now_us;
        repeats->lines[at].held_back = 0;
    } else {
        repeats->lines[at].held_back++;
    }
    pthread_mutex_unlock(&repeats->mutex);
    return may_write;
}
