/* Drives a fuzz target without libFuzzer: the files of a corpus (their first 64 KiB), then random
 * mutations of them for two seconds.  FS_SEED repeats a run; FS_FUZZ_INPUTS bounds it by number
 * instead of time. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILES_MAX 256
#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct corpus {
    char *data[FILES_MAX]; /* owned */
    size_t sizes[FILES_MAX];
    size_t count;
};

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* splitmix64 (Steele, Lea, Flood, 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void read_file(struct corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        err(2, "%s", path);
    corpus->data[corpus->count] = malloc(INPUT_MAX);
    if (!corpus->data[corpus->count])
        err(2, "malloc");
    corpus->sizes[corpus->count] = fread(corpus->data[corpus->count], 1, INPUT_MAX, file);
    corpus->count++;
    fclose(file);
}

static void read_folder(struct corpus *corpus, const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char file[1024];

    if (!folder && errno == ENOTDIR) {
        read_file(corpus, path);
        return;
    }
    if (!folder)
        err(2, "%s", path);
    while (corpus->count < FILES_MAX && (entry = readdir(folder))) {
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            read_file(corpus, file);
    }
    closedir(folder);
}

/* Changes data of size bytes in place, within INPUT_MAX; returns the new size. */
static size_t mutate(const struct corpus *corpus, uint64_t *state, char *data, size_t size)
{
    for (uint64_t edits = 1 + next_random(state) % 6; edits > 0; edits--) {
        size_t at = size ? next_random(state) % size : 0;
        size_t other = next_random(state) % corpus->count;
        size_t len = 1 + next_random(state) % 16;

        switch (next_random(state) % 6) {
        case 0: /* a bit */
            if (size)
                data[at] = (char)(data[at] ^ 1 << next_random(state) % 8);
            break;
        case 1: /* a byte */
            if (size)
                data[at] = (char)next_random(state);
            break;
        case 2: /* a piece goes */
            len = len < size - at ? len : size - at;
            memmove(data + at, data + at + len, size - at - len);
            size -= len;
            break;
        case 3: /* a piece doubles */
            if (size - at >= len && size + len <= INPUT_MAX) {
                memmove(data + at + len, data + at, size - at);
                size += len;
            }
            break;
        case 4: /* a piece of another */
            for (size_t i = 0; i < len && at + i < size && at + i < corpus->sizes[other]; i++)
                data[at + i] = corpus->data[other][at + i];
            break;
        default: /* the end goes */
            size = next_random(state) % 8 ? size : at;
        }
    }
    return size;
}

/* On the heap and exactly as long, so that a sanitizer sees a read past the end. */
static void run(const char *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        err(2, "malloc");
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    const char *seed_text = getenv("FS_SEED"), *inputs_text = getenv("FS_FUZZ_INPUTS");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : (uint64_t)time(NULL);
    uint64_t inputs_max = inputs_text ? strtoull(inputs_text, NULL, 0) : UINT64_MAX;
    uint64_t state = seed, count = 0;
    struct corpus corpus = {.count = 0};
    char *data = malloc(INPUT_MAX);
    double end = seconds_now() + 2;

    if (!data)
        err(2, "malloc");
    printf("FS_SEED=%" PRIu64 "\n", seed);
    fflush(stdout); /* before a crash */
    for (int i = 1; i < argc && corpus.count < FILES_MAX; i++)
        read_folder(&corpus, argv[i]);
    if (corpus.count == 0)
        errx(2, "usage: %s FILE-OR-FOLDER...", argv[0]);
    for (size_t i = 0; i < corpus.count; i++)
        run(corpus.data[i], corpus.sizes[i]);
    while (inputs_text ? count < inputs_max : count % 64 || seconds_now() < end) {
        size_t i = next_random(&state) % corpus.count;
        size_t size = corpus.sizes[i];

        memcpy(data, corpus.data[i], size);
        run(data, mutate(&corpus, &state, data, size));
        count++;
    }
    printf("%zu files, %" PRIu64 " mutations\n", corpus.count, count);
    for (size_t i = 0; i < corpus.count; i++)
        free(corpus.data[i]);
    free(data);
    return 0;
}
