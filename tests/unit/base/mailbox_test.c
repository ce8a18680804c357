/* Letters between threads: none lost, in order, one wake for many. */
#include "base/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/suite.h"

#define POSTERS 3
#define LETTERS_EACH 20000

struct letter {
    int poster;
    int number;
    struct fs_link link;
};

struct poster {
    struct fs_mailbox *mailbox;
    struct letter *letters;
    pthread_t thread;
};

static bool is_readable(const struct fs_mailbox *mailbox, int timeout_ms)
{
    struct pollfd watched = {.fd = mailbox->fd, .events = POLLIN};

    return poll(&watched, 1, timeout_ms) == 1 && (watched.revents & POLLIN);
}

static void the_descriptor_does_not_block_and_does_not_outlive_exec(void)
{
    struct fs_mailbox mailbox;

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    FS_CHECK(fcntl(mailbox.fd, F_GETFL) & O_NONBLOCK);
    FS_CHECK(fcntl(mailbox.fd, F_GETFD) & FD_CLOEXEC);
    fs_mailbox_dispose(&mailbox);
}

static void dispose_closes_the_descriptor(void)
{
    struct fs_mailbox mailbox;
    int fd;

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    fd = mailbox.fd;
    fs_mailbox_dispose(&mailbox);
    FS_CHECK_INT(fcntl(fd, F_GETFD), -1);
    FS_CHECK_INT(mailbox.fd, -1);
}

static void an_empty_box_does_not_wake(void)
{
    struct fs_mailbox mailbox;
    struct fs_link taken;

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    fs_link_init(&taken);
    FS_CHECK(!is_readable(&mailbox, 0));
    fs_mailbox_take(&mailbox, &taken);
    FS_CHECK(fs_link_is_alone(&taken));
    fs_mailbox_dispose(&mailbox);
}

static void the_box_wakes_exactly_while_letters_wait(void)
{
    struct fs_mailbox mailbox;
    struct letter letters[3];
    struct fs_link taken;

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    fs_link_init(&taken);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            fs_link_init(&letters[i].link);
            fs_mailbox_post(&mailbox, &letters[i].link);
            FS_CHECK(is_readable(&mailbox, 0));
        }
        fs_mailbox_take(&mailbox, &taken);
        FS_CHECK(!is_readable(&mailbox, 0));
        for (int i = 0; i < 3; i++)
            FS_CHECK(fs_link_shift(&taken) == &letters[i].link);
        FS_CHECK(fs_link_is_alone(&taken));
    }
    fs_mailbox_dispose(&mailbox);
}

static void many_letters_wake_once(void)
{
    struct fs_mailbox mailbox;
    struct letter letters[100];
    struct fs_link taken;
    uint64_t wakes = 0;

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    fs_link_init(&taken);
    for (int i = 0; i < 100; i++)
        fs_mailbox_post(&mailbox, &letters[i].link);
    FS_CHECK_INT(read(mailbox.fd, &wakes, sizeof(wakes)), sizeof(wakes));
    FS_CHECK_INT(wakes, 1);
    FS_CHECK_INT(write(mailbox.fd, &wakes, sizeof(wakes)), sizeof(wakes)); /* as it was */
    fs_mailbox_take(&mailbox, &taken);
    fs_mailbox_dispose(&mailbox);
}

static void taken_letters_go_behind_those_that_are_there(void)
{
    struct fs_mailbox mailbox;
    struct letter first, second;
    struct fs_link taken;

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    fs_link_init(&taken);
    fs_link_append(&taken, &first.link);
    fs_mailbox_post(&mailbox, &second.link);
    fs_mailbox_take(&mailbox, &taken);
    FS_CHECK(fs_link_shift(&taken) == &first.link);
    FS_CHECK(fs_link_shift(&taken) == &second.link);
    fs_mailbox_dispose(&mailbox);
}

static void without_descriptors_left_init_says_so(void)
{
    struct fs_mailbox mailbox;
    struct rlimit before, few;
    int fd, result;

    FS_REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    fd = dup(STDOUT_FILENO); /* the next one that is free */
    FS_REQUIRE(fd >= 0);
    close(fd);
    few = before;
    few.rlim_cur = (rlim_t)fd;
    FS_REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    result = fs_mailbox_init(&mailbox);
    setrlimit(RLIMIT_NOFILE, &before);
    FS_CHECK_INT(result, -EMFILE);
}

static void *post_all(void *data)
{
    struct poster *poster = data;

    for (int i = 0; i < LETTERS_EACH; i++)
        fs_mailbox_post(poster->mailbox, &poster->letters[i].link);
    return NULL;
}

/* Takes until all letters came or none came for long; returns how many came in order. */
static int take_all(struct fs_mailbox *mailbox)
{
    int next[POSTERS] = {0};
    int count = 0;

    while (count < POSTERS * LETTERS_EACH && is_readable(mailbox, 10000)) {
        struct fs_link taken;
        struct fs_link *link;

        fs_link_init(&taken);
        fs_mailbox_take(mailbox, &taken);
        while ((link = fs_link_shift(&taken))) {
            const struct letter *letter = FS_CONTAINER_OF(link, struct letter, link);

            if (letter->number != next[letter->poster]++)
                return count;
            count++;
        }
    }
    return count;
}

static void every_letter_of_every_thread_comes_in_its_order(void)
{
    struct fs_mailbox mailbox;
    struct poster posters[POSTERS];

    FS_REQUIRE(fs_mailbox_init(&mailbox) == 0);
    for (int i = 0; i < POSTERS; i++) {
        posters[i].mailbox = &mailbox;
        posters[i].letters = calloc(LETTERS_EACH, sizeof(struct letter));
        FS_REQUIRE(posters[i].letters != NULL);
        for (int j = 0; j < LETTERS_EACH; j++) {
            posters[i].letters[j].poster = i;
            posters[i].letters[j].number = j;
        }
    }
    for (int i = 0; i < POSTERS; i++)
        FS_REQUIRE(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]) == 0);
    FS_CHECK_INT(take_all(&mailbox), POSTERS * LETTERS_EACH);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    FS_CHECK(!is_readable(&mailbox, 0));
    for (int i = 0; i < POSTERS; i++)
        free(posters[i].letters);
    fs_mailbox_dispose(&mailbox);
}

#define TESTS(T)                                               \
    T(the_descriptor_does_not_block_and_does_not_outlive_exec) \
    T(dispose_closes_the_descriptor)                           \
    T(an_empty_box_does_not_wake)                              \
    T(the_box_wakes_exactly_while_letters_wait)                \
    T(many_letters_wake_once)                                  \
    T(taken_letters_go_behind_those_that_are_there)            \
    T(without_descriptors_left_init_says_so)                   \
    T(every_letter_of_every_thread_comes_in_its_order)

FS_SUITE("base/mailbox", TESTS)
