/* The process's own numbers, checked by changing them. */
#include "metrics/process.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/suite.h"

#define MIB (1024 * 1024)

static void cpu_time_rises_with_work(void)
{
    struct fs_process before, after;

    fs_process_read(&before);
    do
        fs_process_read(&after);
    while (after.cpu_us - before.cpu_us < 10000 && after.cpu_us >= before.cpu_us);
    FS_CHECK(before.cpu_us >= 0);
    FS_CHECK(after.cpu_us > before.cpu_us);
    FS_CHECK(after.cpu_us < INT64_C(3600) * 1000000);
}

static void the_start_is_a_moment_ago(void)
{
    struct fs_process process;
    int64_t now_ms = (int64_t)time(NULL) * 1000;

    fs_process_read(&process);
    FS_CHECK(process.start_unix_ms <= now_ms + 2000);
    FS_CHECK(process.start_unix_ms > now_ms - 600000);
}

static void memory_is_seen_when_mapped_and_when_touched(void)
{
    struct fs_process before, mapped, touched;
    char *memory;

    fs_process_read(&before);
    memory = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FS_REQUIRE(memory != MAP_FAILED);
    fs_process_read(&mapped);
    memset(memory, 1, 64 * MIB);
    fs_process_read(&touched);
    munmap(memory, 64 * MIB);
    FS_CHECK(before.resident_bytes > 0);
    FS_CHECK(before.virtual_bytes >= before.resident_bytes);
    FS_CHECK(mapped.virtual_bytes - before.virtual_bytes >= 64 * MIB);
    FS_CHECK(mapped.resident_bytes - before.resident_bytes < 16 * MIB);
    FS_CHECK(touched.resident_bytes - before.resident_bytes > 48 * MIB);
}

static void descriptors_are_counted_without_the_one_that_counts(void)
{
    struct fs_process before, more, after;
    int fds[10];

    fs_process_read(&before);
    for (int i = 0; i < 10; i++)
        fds[i] = dup(STDOUT_FILENO);
    fs_process_read(&more);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    fs_process_read(&after);
    FS_CHECK(before.open_fds >= 1);
    FS_CHECK_INT(more.open_fds, before.open_fds + 10);
    FS_CHECK_INT(after.open_fds, before.open_fds);
}

static void exactly_the_open_descriptors_are_counted(void)
{
    struct fs_process process;
    int64_t count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += dup2(fd, fd) == fd;
    fs_process_read(&process);
    FS_CHECK_INT(process.open_fds, count);
}

static void the_limit_of_descriptors_is_the_soft_one(void)
{
    struct rlimit before, fewer;
    struct fs_process process;

    FS_REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    fewer = before;
    fewer.rlim_cur = 77;
    FS_REQUIRE(setrlimit(RLIMIT_NOFILE, &fewer) == 0);
    fs_process_read(&process);
    setrlimit(RLIMIT_NOFILE, &before);
    FS_CHECK_INT(process.max_fds, 77);
}

static void *wait_at(void *data)
{
    pthread_barrier_wait(data); /* counted meanwhile */
    pthread_barrier_wait(data);
    return NULL;
}

static void threads_are_counted(void)
{
    struct fs_process before, more;
    pthread_barrier_t barrier;
    pthread_t threads[3];

    /* The thread sanitizer starts one of its own beside a program's first. */
    pthread_barrier_init(&barrier, NULL, 1);
    FS_REQUIRE(pthread_create(&threads[0], NULL, wait_at, &barrier) == 0);
    pthread_join(threads[0], NULL);
    pthread_barrier_destroy(&barrier);
    fs_process_read(&before);
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 3; i++)
        FS_REQUIRE(pthread_create(&threads[i], NULL, wait_at, &barrier) == 0);
    pthread_barrier_wait(&barrier);
    fs_process_read(&more);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    FS_CHECK(before.threads >= 1);
    FS_CHECK_INT(more.threads, before.threads + 3);
}

/* The name is in the line that is read, and may hold what separates its fields. */
static void a_program_s_name_confuses_nothing(void)
{
    struct fs_process before, after;
    char name[16] = "";

    FS_REQUIRE(prctl(PR_GET_NAME, name) == 0);
    fs_process_read(&before);
    FS_REQUIRE(prctl(PR_SET_NAME, ") 1 2 3 (4) 5") == 0);
    fs_process_read(&after);
    prctl(PR_SET_NAME, name);
    FS_CHECK_INT(after.threads, before.threads);
    FS_CHECK_INT(after.start_unix_ms, before.start_unix_ms);
}

#define TESTS(T)                                           \
    T(cpu_time_rises_with_work)                            \
    T(the_start_is_a_moment_ago)                           \
    T(memory_is_seen_when_mapped_and_when_touched)         \
    T(descriptors_are_counted_without_the_one_that_counts) \
    T(exactly_the_open_descriptors_are_counted)            \
    T(the_limit_of_descriptors_is_the_soft_one)            \
    T(threads_are_counted)                                 \
    T(a_program_s_name_confuses_nothing)

FS_SUITE("metrics/process", TESTS)
