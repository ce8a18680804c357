/* The state of the store's servers, as connections of several loops note it. */
#include "metrics/nodes.h"

#include <string.h>

#include "base/limits.h"
#include "support/suite.h"

static struct fs_nodes *nodes;
static struct fs_node_state states[FS_STORE_NODES_MAX];

static void begin(void)
{
    FS_REQUIRE(fs_nodes_create(&nodes) == 0);
}

static void a_server_is_down_when_one_loop_misses_it_and_since_the_first_did(void)
{
    struct fs_node_seat seats[2] = {{0}};
    int64_t since_ms;

    begin();
    fs_nodes_note(nodes, &seats[0], "a:1", true, "");
    fs_nodes_note(nodes, &seats[1], "a:1", true, "");
    FS_CHECK_INT(fs_nodes_copy(nodes, states, FS_STORE_NODES_MAX), 1);
    FS_CHECK_INT(states[0].up, 2);
    FS_CHECK_INT(states[0].down, 0);
    fs_nodes_note(nodes, &seats[0], "a:1", false, "closed");
    fs_nodes_copy(nodes, states, FS_STORE_NODES_MAX);
    FS_CHECK_INT(states[0].up, 1);
    FS_CHECK_INT(states[0].down, 1);
    since_ms = states[0].down_since_ms;
    FS_CHECK(since_ms > 0);
    fs_nodes_note(nodes, &seats[1], "a:1", false, "closed");
    fs_nodes_note(nodes, &seats[0], "a:1", false, "refused"); /* the next attempt */
    fs_nodes_copy(nodes, states, FS_STORE_NODES_MAX);
    FS_CHECK_INT(states[0].down, 2);
    FS_CHECK_INT(states[0].down_since_ms, since_ms);
    FS_CHECK_STR(states[0].problem, "refused");
    fs_nodes_note(nodes, &seats[0], "a:1", true, "");
    fs_nodes_note(nodes, &seats[1], "a:1", true, "");
    fs_nodes_copy(nodes, states, FS_STORE_NODES_MAX);
    FS_CHECK_INT(states[0].down_since_ms, 0);
    fs_nodes_destroy(nodes);
}

static void a_server_that_nobody_needs_is_not_listed_and_its_place_is_used_again(void)
{
    struct fs_node_seat seat = {0};
    char name[32];

    begin();
    for (unsigned i = 0; i < 3 * FS_STORE_NODES_MAX; i++) { /* a connection that moves each time */
        snprintf(name, sizeof(name), "node-%u:6379", i);
        fs_nodes_note(nodes, &seat, name, i % 2 == 0, "moved");
        FS_CHECK_INT(fs_nodes_copy(nodes, states, FS_STORE_NODES_MAX), 1);
        FS_CHECK_STR(states[0].name, name);
    }
    fs_nodes_leave(nodes, &seat);
    FS_CHECK_INT(fs_nodes_copy(nodes, states, FS_STORE_NODES_MAX), 0);
    fs_nodes_destroy(nodes);
}

static void the_trouble_is_that_of_the_server_which_most_loops_miss(void)
{
    const char refusal[] = "MISCONF Errors writing to the AOF file";
    struct fs_node_seat seats[3] = {{0}};
    char text[512];

    begin();
    FS_CHECK(!fs_nodes_trouble(nodes, text, sizeof(text)));
    fs_nodes_note(nodes, &seats[0], "a:1", true, "");
    FS_CHECK(!fs_nodes_trouble(nodes, text, sizeof(text)));
    fs_nodes_note_refusal(nodes, &seats[0], (struct fs_text){refusal, sizeof(refusal) - 1});
    FS_CHECK(fs_nodes_trouble(nodes, text, sizeof(text)));
    FS_CHECK_STR(text, "Redis at a:1: MISCONF Errors writing to the AOF file");
    fs_nodes_note(nodes, &seats[1], "b:1", false, "Connection refused");
    FS_CHECK(fs_nodes_trouble(nodes, text, sizeof(text)));
    FS_CHECK_STR(text, "Redis at b:1: Connection refused");
    fs_nodes_destroy(nodes);
}

#define TESTS(T)                                                            \
    T(a_server_is_down_when_one_loop_misses_it_and_since_the_first_did)     \
    T(a_server_that_nobody_needs_is_not_listed_and_its_place_is_used_again) \
    T(the_trouble_is_that_of_the_server_which_most_loops_miss)
FS_SUITE("metrics/nodes", TESTS)
