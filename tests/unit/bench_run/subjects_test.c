/* --strategy and --cores as they are typed. */
#include "run/subject.h"

#include <sched.h>

#include "run/pinning.h"
#include "support/suite.h"

struct read_list {
    struct fs_subject subjects[FS_SUBJECTS_MAX];
    size_t count;
    int rc;
    char error[FS_SUBJECT_ERROR_SIZE];
};

static struct read_list *read_list(const char *list)
{
    struct read_list *read = calloc(1, sizeof(*read));

    if (read)
        read->rc = fs_subjects_read(list, "/nowhere", read->subjects, &read->count, read->error);
    return read;
}

static void names_options_and_nodes_are_read(void)
{
    struct read_list *read = read_list("v1,v2:mode=textbook,v4:nodes=2:batch_max=1,v2:workers=4");

    FS_REQUIRE(read != NULL);
    FS_CHECK_INT(read->rc, 0);
    FS_CHECK_INT(read->count, 4);
    FS_CHECK_INT(read->subjects[3].workers, 4);
    FS_CHECK_INT(read->subjects[3].option_count, 0);
    FS_CHECK_STR(read->subjects[3].folder, "v2+workers=4");
    FS_CHECK_STR(read->subjects[0].strategy, "v1");
    FS_CHECK_STR(read->subjects[0].variant, "");
    FS_CHECK_STR(read->subjects[0].folder, "v1");
    FS_CHECK_STR(read->subjects[1].variant, "textbook");
    FS_CHECK_STR(read->subjects[1].folder, "v2+textbook");
    FS_CHECK_STR(read->subjects[1].options[0], "mode=textbook");
    FS_CHECK_STR(read->subjects[2].variant, "nodes=2 batch_max=1");
    FS_CHECK_STR(read->subjects[2].folder, "v4+nodes=2+batch_max=1");
    FS_CHECK_INT(read->subjects[2].nodes, 2);
    FS_CHECK_INT(read->subjects[2].workers, 0);
    FS_CHECK_INT(read->subjects[2].option_count, 1);
    free(read);
}

static void refuse(const char *list, const char *part)
{
    struct read_list *read = read_list(list);

    FS_REQUIRE(read != NULL);
    FS_CHECK(read->rc < 0);
    FS_CHECK_CONTAINS(read->error, part);
    free(read);
}

static void what_cannot_be_is_refused_with_a_sentence(void)
{
    refuse("v5", "did you mean v");
    refuse("fast", "use v1 to v4");
    refuse("v1,v1", "twice");
    refuse("v1,", "between two commas");
    refuse("v2:textbook", "KEY=VALUE");
    refuse("v2:=x", "KEY=VALUE");
    refuse("v4:nodes=0", "1 to 16");
    refuse("v4:nodes=x", "1 to 16");
    refuse("v1:workers=0", "1 to 64");
    refuse("v1:workers=65", "1 to 64");
    refuse("./nowhere.so", "No such file");
}

static void one_strategy_may_be_there_with_several_options(void)
{
    struct read_list *read = read_list("v3,v3:batch_max=1,v3:batch_max=2");

    FS_REQUIRE(read != NULL);
    FS_CHECK_INT(read->rc, 0);
    FS_CHECK_INT(read->count, 3);
    free(read);
}

static void cores_are_lists_of_this_machines(void)
{
    struct fs_pinning pinning;
    cpu_set_t allowed;
    char text[64];
    int first = 0;

    FS_REQUIRE(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    while (!CPU_ISSET((size_t)first, &allowed))
        first++;
    snprintf(text, sizeof(text), "%d/any/%d-%d", first, first, first);
    FS_CHECK_INT(fs_pinning_read(text, &pinning), 0);
    FS_CHECK_INT(pinning.server.count, 1);
    FS_CHECK_INT(pinning.redis.count, 0);
    FS_CHECK_INT(pinning.generator.list[0], first);
    FS_CHECK_INT(fs_pinning_read("none", &pinning), 0);
    FS_CHECK_INT(pinning.server.count, 0);
    FS_CHECK(fs_pinning_read("0", &pinning) < 0);
    FS_CHECK(fs_pinning_read("0/0/0/0", &pinning) < 0);
    FS_CHECK(fs_pinning_read("x/any/any", &pinning) < 0);
    FS_CHECK(fs_pinning_read("any/any/1000", &pinning) < 0);
    FS_CHECK(fs_pinning_read("2-1/any/any", &pinning) < 0);
}

static void the_choice_keeps_the_generator_off_the_servers_cores(void)
{
    struct fs_pinning pinning;

    fs_pinning_choose(&pinning);
    for (size_t i = 0; i < pinning.server.count; i++)
        for (size_t k = 0; k < pinning.generator.count; k++)
            FS_CHECK(pinning.server.list[i] != pinning.generator.list[k]);
}

#define TESTS(T)                                      \
    T(names_options_and_nodes_are_read)               \
    T(what_cannot_be_is_refused_with_a_sentence)      \
    T(one_strategy_may_be_there_with_several_options) \
    T(cores_are_lists_of_this_machines)               \
    T(the_choice_keeps_the_generator_off_the_servers_cores)
FS_SUITE("bench_run/subjects", TESTS)
