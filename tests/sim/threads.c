/* Threads of a process as coroutines of the one thread: v1's journal and folding.
 *
 * A thread runs until it waits: for a condition, a futex, or the disk.  Who wakes it is another event of
 * the world, so that the seed decides how threads meet.  The names are libc's, and the program's own
 * definitions come before those; nothing in the product knows of it. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim/history.h"
#include "sim/world.h"

#define PUBLIC __attribute__((visibility("default")))
#define STACK_SIZE (256u << 10)
#define THREADS_MAX 64u

struct thread {
    ucontext_t context;
    void *stack;
    struct sim_server *server;
    void *(*run)(void *data);
    void *data;
    const void *waits_for; /* a condition or a futex; NULL: for a time, or it runs */
    uint64_t wakes;        /* by which an event knows that it still means this wait */
    bool is_used, is_done;
};

static struct {
    struct sim_world *world;
    struct thread list[THREADS_MAX];
    struct thread *current;
    ucontext_t main;
    struct sim_server *starting;
    jmp_buf *escape;
    bool has_died;
} threads; /* libc's names have no other way to find it */

void sim_threads_begin(struct sim_world *world)
{
    for (unsigned i = 0; i < THREADS_MAX; i++)
        free(threads.list[i].stack);
    for (unsigned i = 0; i < THREADS_MAX; i++)
        threads.list[i] = (struct thread){0};
    threads.world = world;
    threads.current = NULL;
    threads.starting = NULL;
    threads.escape = NULL;
}

void sim_threads_of(struct sim_server *server, void *escape)
{
    threads.starting = server;
    threads.escape = escape;
}

void sim_threads_drop(const struct sim_server *server)
{
    for (unsigned i = 0; i < THREADS_MAX; i++)
        if (threads.list[i].server == server && &threads.list[i] != threads.current)
            threads.list[i].is_done = true;
}

static void entry(unsigned index)
{
    struct thread *thread = &threads.list[index];

    (void)thread->run(thread->data);
    thread->is_done = true;
    swapcontext(&thread->context, &threads.main);
}

static void resume(struct sim_world *world, void *data, uint64_t wakes)
{
    struct thread *thread = data;
    struct sim_server *server = thread->server;

    if (thread->is_done || thread->wakes != wakes || !server->is_alive)
        return;
    thread->wakes++;
    thread->waits_for = NULL;
    threads.current = thread;
    threads.has_died = false;
    sim_clock_set(world, server);
    swapcontext(&threads.main, &thread->context);
    sim_clock_set(world, NULL);
    threads.current = NULL;
    if (threads.has_died)
        sim_server_died(world, server->slot);
    else if (world->servers[server->slot] == server)
        sim_server_wake(server);
}

static void resume_at(struct thread *thread, uint64_t at_us)
{
    sim_world_at(threads.world, at_us, resume, thread, thread->wakes);
}

/* Waits for `what`, for span_us at most; UINT64_MAX: without end. */
static void wait_for(const void *what, uint64_t span_us)
{
    struct thread *thread = threads.current;

    if (!thread)
        return; /* the only thread cannot wait for another */
    thread->waits_for = what;
    if (span_us != UINT64_MAX)
        resume_at(thread, threads.world->now_us + span_us);
    swapcontext(&thread->context, &threads.main);
}

void sim_thread_sleep(uint64_t span_us)
{
    wait_for(NULL, span_us);
}

static void wake(const void *what)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        struct thread *thread = &threads.list[i];

        if (thread->is_used && !thread->is_done && thread->waits_for == what)
            resume_at(thread, threads.world->now_us + sim_between(&threads.world->random, 1, 60));
    }
}

/* libc's names */

/* A function of its own: getcontext() returns as setjmp() does, and the caller's variables must not change
 * between. */
static void make_context(struct thread *thread, unsigned index)
{
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = thread->stack;
    thread->context.uc_stack.ss_size = STACK_SIZE;
    thread->context.uc_link = &threads.main;
    makecontext(&thread->context, (void (*)(void))entry, 1, index);
}

PUBLIC int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data)
{
    unsigned index = 0;
    struct thread *thread;

    (void)attributes;
    while (index < THREADS_MAX && threads.list[index].is_used && !threads.list[index].is_done)
        index++;
    if (index == THREADS_MAX)
        return EAGAIN;
    thread = &threads.list[index];
    if (!thread->stack)
        thread->stack = malloc(STACK_SIZE);
    if (!thread->stack)
        return EAGAIN;
    *thread = (struct thread){.stack = thread->stack,
                              .server = threads.starting,
                              .run = run,
                              .data = data,
                              .wakes = thread->wakes + 1,
                              .is_used = true};
    make_context(thread, index);
    *id = (pthread_t)(index + 1);
    resume_at(thread, threads.world->now_us + sim_between(&threads.world->random, 1, 200));
    return 0;
}

/* By the program's own stack alone, when a server is stopped: the thread is given turns until it ends. */
PUBLIC int pthread_join(pthread_t id, void **result)
{
    struct thread *thread = &threads.list[id - 1];

    for (unsigned turns = 0; !thread->is_done; turns++) {
        if (turns > 100000)
            abort();
        threads.world->now_us += 1;
        resume(threads.world, thread, thread->wakes);
    }
    if (result)
        *result = NULL;
    return 0;
}

PUBLIC int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    wait_for(condition, UINT64_MAX);
    pthread_mutex_lock(mutex);
    return 0;
}

PUBLIC int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    uint64_t until_us = (uint64_t)until->tv_sec * 1000000u + (uint64_t)until->tv_nsec / 1000u;
    uint64_t now_us = threads.world->now_us;

    pthread_mutex_unlock(mutex);
    wait_for(condition,
             until_us > now_us && until_us - now_us < 10000000 ? until_us - now_us : 100000);
    pthread_mutex_lock(mutex);
    return threads.world->now_us >= until_us ? ETIMEDOUT : 0;
}

PUBLIC int pthread_cond_signal(pthread_cond_t *condition)
{
    wake(condition);
    return 0;
}

PUBLIC int nanosleep(const struct timespec *span, struct timespec *rest)
{
    (void)rest;
    sim_thread_sleep((uint64_t)span->tv_sec * 1000000u + (uint64_t)span->tv_nsec / 1000u);
    return 0;
}

static long futex(const uint32_t *word, int operation, uint32_t value, const struct timespec *span)
{
    if ((operation & ~FUTEX_PRIVATE_FLAG) == FUTEX_WAKE) {
        wake(word);
        return 0;
    }
    if (*word == value)
        wait_for(word, span ? (uint64_t)span->tv_sec * 1000000u + (uint64_t)span->tv_nsec / 1000u
                            : UINT64_MAX);
    return 0;
}

PUBLIC long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long words[6];
    va_list args;

    va_start(args, number);
    for (unsigned i = 0; i < 6; i++)
        words[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_futex && threads.world)
        return futex((const uint32_t *)words[0], (int)words[1], (uint32_t)words[2],
                     (const struct timespec *)words[3]);
    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* The process of the server ends here; the world goes on. */
PUBLIC _Noreturn void _exit(int status)
{
    if (threads.world && threads.current) {
        threads.current->is_done = true;
        threads.has_died = true;
        swapcontext(&threads.current->context, &threads.main);
    }
    if (threads.world && threads.escape)
        longjmp(*threads.escape, 1);
    syscall(SYS_exit_group, status);
    __builtin_unreachable();
}
