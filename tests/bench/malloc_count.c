/* Counts allocations by who asks for them, for the promise "no malloc of ours per purchase".
 *
 *     LD_PRELOAD=malloc_count.so MALLOC_COUNT=FILE program
 *
 * FILE (16 bytes at least, made by the test) is mapped: two native uint64, allocations asked for by
 * flashsale's own code (the executable, libflashsale and strategies) and by everybody else.  The
 * asker is the object that holds the return address. */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

struct counts {
    _Atomic uint64_t ours;
    _Atomic uint64_t others;
};

static struct counts nowhere;
static struct counts *counts = &nowhere;

struct question {
    uintptr_t address;
    int is_ours;
};

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
    struct question *question = data;
    const char *name = info->dlpi_name;
    int i;
    (void)size;

    for (i = 0; i < info->dlpi_phnum; ++i) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

        if (info->dlpi_phdr[i].p_type != PT_LOAD || question->address < start ||
            question->address >= start + info->dlpi_phdr[i].p_memsz)
            continue;
        /* The executable has no name here. */
        question->is_ours =
            !name || !*name || strstr(name, "libflashsale") || strstr(name, "/strategies/");
        return 1;
    }
    return 0;
}

static void count(void *return_address)
{
    struct question question = {(uintptr_t)return_address, 0};

    if (counts == &nowhere)
        return;
    dl_iterate_phdr(look, &question);
    atomic_fetch_add(question.is_ours ? &counts->ours : &counts->others, 1);
}

__attribute__((constructor)) static void open_counts(void)
{
    const char *path = getenv("MALLOC_COUNT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped;

    if (fd == -1)
        return;
    mapped = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        counts = mapped;
    close(fd);
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t number, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(number, size);
}

__attribute__((visibility("default"))) void *realloc(void *memory, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_realloc(memory, size);
}
