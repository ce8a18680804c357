/* The pool alone, with a decision that waits until the test lets it go on. */
#include "auth/login_pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "support/suite.h"

#define LOGINS 8

struct bench {
    struct fs_login_pool *pool;
    struct fs_mailbox mailbox;
    sem_t entered; /* posted by each decision as it begins */
    sem_t leave;   /* each decision waits for one */
    struct fs_login logins[LOGINS];
    struct fs_login *decided[LOGINS]; /* one thread: in this order */
    unsigned decided_count;
    bool takes_signals;
};

static void decide(void *data, struct fs_login *login, struct crypt_data *scratch)
{
    struct bench *bench = data;
    sigset_t blocked;

    FS_CHECK(scratch != NULL);
    sem_post(&bench->entered);
    while (sem_wait(&bench->leave) != 0)
        ;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGHUP))
        bench->takes_signals = true;
    login->result = FS_LOGIN_OK;
    bench->decided[bench->decided_count++] = login;
}

static void open_bench(struct bench *bench, unsigned queue_max)
{
    const struct fs_login_pool_options options = {
        .thread_count = 1, .queue_max = queue_max, .decide = decide, .data = bench};

    memset(bench, 0, sizeof(*bench));
    sem_init(&bench->entered, 0, 0);
    sem_init(&bench->leave, 0, 0);
    if (fs_mailbox_init(&bench->mailbox) != 0 || fs_login_pool_create(&options, &bench->pool) != 0)
        abort();
    for (int i = 0; i < LOGINS; i++) {
        bench->logins[i].mailbox = &bench->mailbox;
        fs_link_init(&bench->logins[i].link);
    }
}

static void close_bench(struct bench *bench)
{
    fs_login_pool_destroy(bench->pool);
    fs_mailbox_dispose(&bench->mailbox);
    sem_destroy(&bench->entered);
    sem_destroy(&bench->leave);
}

/* Waits for count letters. */
static void collect(struct bench *bench, unsigned count)
{
    struct fs_link letters;

    fs_link_init(&letters);
    while (count > 0) {
        struct pollfd pollfd = {bench->mailbox.fd, POLLIN, 0};

        if (poll(&pollfd, 1, 60000) != 1)
            abort();
        fs_mailbox_take(&bench->mailbox, &letters);
        while (count > 0 && fs_link_shift(&letters))
            count--;
    }
    FS_CHECK(fs_link_is_alone(&letters));
}

static void as_many_wait_as_may_and_not_one_more(void)
{
    struct bench bench;

    open_bench(&bench, 3);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[0]), 0);
    sem_wait(&bench.entered); /* it waits no more, it is being decided */
    for (int i = 1; i <= 3; i++)
        FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[i]), 0);
    for (int i = 4; i < LOGINS; i++)
        FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[i]), -ENOBUFS);
    sem_post(&bench.leave);
    sem_wait(&bench.entered);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[4]), 0);
    for (int i = 0; i < 4; i++)
        sem_post(&bench.leave);
    collect(&bench, 5);
    close_bench(&bench);
    FS_CHECK_INT(bench.decided_count, 5);
    for (unsigned i = 0; i < 5; i++)
        FS_CHECK(bench.decided[i] == &bench.logins[i]);
}

static void one_address_or_account_waits_behind_itself_and_a_full_queue_drops_its_last(void)
{
    struct bench bench;

    open_bench(&bench, 4);
    for (int i = 0; i < 6; i++) { /* a flood from one address, each for another account */
        bench.logins[i].address = FS_TEXT("192.0.2.1");
        bench.logins[i].username = (struct fs_text){"abcdef" + i, 1};
    }
    bench.logins[6].address = FS_TEXT("192.0.2.2");
    bench.logins[6].username = FS_TEXT("good");
    bench.logins[7].address = FS_TEXT("2001:db8::1");
    bench.logins[7].username = FS_TEXT("other");
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[0]), 0);
    sem_wait(&bench.entered);
    for (int i = 1; i <= 4; i++)
        FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[i]), 0);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[5]), -ENOBUFS);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[6]), 0);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[7]), 0);
    FS_CHECK_INT(bench.logins[4].result, FS_LOGIN_LIMITED);
    FS_CHECK_INT(bench.logins[3].result, FS_LOGIN_LIMITED);
    for (int i = 0; i < 5; i++)
        sem_post(&bench.leave);
    collect(&bench, 7);
    close_bench(&bench);
    FS_CHECK_INT(bench.decided_count, 5);
    FS_CHECK(bench.decided[1] == &bench.logins[1]); /* its turn was the first */
    FS_CHECK(bench.decided[2] == &bench.logins[6]);
    FS_CHECK(bench.decided[3] == &bench.logins[7]);
    FS_CHECK(bench.decided[4] == &bench.logins[2]);
}

static void giving_up_answers_who_waits_and_leaves_who_is_being_decided(void)
{
    struct bench bench;

    open_bench(&bench, LOGINS);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[0]), 0);
    sem_wait(&bench.entered);
    for (int i = 1; i < LOGINS; i++)
        FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[i]), 0);
    fs_login_pool_give_up(bench.pool);
    collect(&bench, LOGINS - 1);
    for (int i = 1; i < LOGINS; i++) {
        FS_CHECK_INT(bench.logins[i].result, FS_LOGIN_LIMITED);
        FS_CHECK_INT(bench.logins[i].retry_after_s, 1);
    }
    FS_CHECK_INT(bench.logins[0].result, 0);
    sem_post(&bench.leave);
    collect(&bench, 1);
    FS_CHECK_INT(bench.logins[0].result, FS_LOGIN_OK);
    close_bench(&bench);
    FS_CHECK_INT(bench.decided_count, 1);
}

static void the_threads_leave_signals_to_the_program(void)
{
    struct bench bench;
    sigset_t before, after;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    open_bench(&bench, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    sem_post(&bench.leave);
    FS_CHECK_INT(fs_login_pool_put(bench.pool, &bench.logins[0]), 0);
    collect(&bench, 1);
    close_bench(&bench);
    FS_CHECK(!bench.takes_signals);
    FS_CHECK_INT(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void a_pool_that_did_nothing_stops(void)
{
    struct bench bench;

    for (int i = 0; i < 50; i++) {
        open_bench(&bench, 1);
        close_bench(&bench);
        FS_CHECK_INT(bench.decided_count, 0);
    }
}

#define TESTS(T)                                                                  \
    T(as_many_wait_as_may_and_not_one_more)                                       \
    T(one_address_or_account_waits_behind_itself_and_a_full_queue_drops_its_last) \
    T(giving_up_answers_who_waits_and_leaves_who_is_being_decided)                \
    T(the_threads_leave_signals_to_the_program)                                   \
    T(a_pool_that_did_nothing_stops)
FS_SUITE("auth/login_pool", TESTS)
