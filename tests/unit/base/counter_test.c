/* A counter read while it is written. */
#include "base/counter.h"

#include <pthread.h>

#include "support/suite.h"

#define ADDITIONS 1000000u

static void an_added_number_is_read(void)
{
    struct fs_counter counter = {0};

    FS_CHECK_INT(fs_counter_read(&counter), 0);
    fs_counter_add(&counter, 2);
    fs_counter_add(&counter, 3);
    FS_CHECK_INT(fs_counter_read(&counter), 5);
    fs_counter_set(&counter, 1);
    FS_CHECK_INT(fs_counter_read(&counter), 1);
}

/* A gauge goes down by adding what wraps around. */
static void adding_minus_one_takes_one_away(void)
{
    struct fs_counter gauge = {0};

    fs_counter_add(&gauge, 2);
    fs_counter_add(&gauge, (uint64_t)-1);
    FS_CHECK_INT(fs_counter_read(&gauge), 1);
}

static void *count_up(void *data)
{
    struct fs_counter *counter = data;

    for (unsigned i = 0; i < ADDITIONS; i++)
        fs_counter_add(counter, 1);
    return NULL;
}

static void a_reader_sees_a_written_counter_only_rise(void)
{
    struct fs_counter counter = {0};
    uint64_t last = 0;
    pthread_t writer;

    FS_REQUIRE(pthread_create(&writer, NULL, count_up, &counter) == 0);
    while (last < ADDITIONS) {
        uint64_t value = fs_counter_read(&counter);

        if (value < last) {
            FS_CHECK_INT(value, last);
            break;
        }
        last = value;
    }
    pthread_join(writer, NULL);
    FS_CHECK_INT(fs_counter_read(&counter), ADDITIONS);
}

#define TESTS(T)                       \
    T(an_added_number_is_read)         \
    T(adding_minus_one_takes_one_away) \
    T(a_reader_sees_a_written_counter_only_rise)

FS_SUITE("base/counter", TESTS)
