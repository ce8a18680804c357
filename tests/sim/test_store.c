/* The in-process store by itself: history, modes, rights, and what scripts leave behind. */
#include "sim/store.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "support/suite.h"

#define WORDS_MAX 16u

struct fixture {
    struct sim_lua *lua;
    struct sim_store *store;
    struct sim_reply reply;
};

static void set_up(struct fixture *fixture)
{
    *fixture = (struct fixture){.lua = sim_lua_create()};
    fixture->store = sim_store_create(fixture->lua, "test");
    sim_store_set_clock(fixture->store, INT64_C(1700000000123456));
}

static void tear_down(struct fixture *fixture)
{
    sim_reply_dispose(&fixture->reply);
    sim_store_destroy(fixture->store);
    sim_lua_destroy(fixture->lua);
}

/* One command, its words parted by single spaces; a last word that begins with "|" is the rest. */
static const struct fs_reply *run_on(struct fixture *fixture, struct sim_store *store,
                                     const char *line)
{
    struct fs_text words[WORDS_MAX];
    size_t count = 0;

    while (*line) {
        size_t len = *line == '|' ? strlen(line) : strcspn(line, " ");

        words[count++] =
            *line == '|' ? (struct fs_text){line + 1, len - 1} : (struct fs_text){line, len};
        line += len + (line[len] == ' ');
    }
    sim_store_run(store, count, words, &fixture->reply);
    return &fixture->reply.reply;
}

static const struct fs_reply *run(struct fixture *fixture, const char *line)
{
    return run_on(fixture, fixture->store, line);
}

#define CHECK_TEXT(reply, expected)                                         \
    do {                                                                    \
        const struct fs_reply *fs_reply_ = (reply);                         \
        FS_CHECK_TEXT(fs_reply_->text.data, fs_reply_->text.len, expected); \
    } while (0)

/* EVAL of a script with one key, "k". */
static const struct fs_reply *eval(struct fixture *fixture, const char *script)
{
    struct fs_text words[] = {FS_TEXT("EVAL"), fs_text_of(script), FS_TEXT("1"), FS_TEXT("k")};

    sim_store_run(fixture->store, 4, words, &fixture->reply);
    return &fixture->reply.reply;
}

static void a_script_that_fails_keeps_what_it_wrote(void)
{
    struct fixture fixture;

    set_up(&fixture);
    CHECK_TEXT(
        eval(&fixture, "redis.call('SET', KEYS[1], 'v')\nreturn redis.call('HGET', 'k', 'f')"),
        "WRONGTYPE Operation against a key holding the wrong kind of value script: "
        "26f42a6d6f6f1d25660dc2da3f4400e93de68d88, on @user_script:2.");
    CHECK_TEXT(run(&fixture, "GET k"), "v");
    FS_CHECK_INT(sim_store_position(fixture.store), 1);
    tear_down(&fixture);
}

static void a_copy_is_the_store_as_it_was_at_that_position(void)
{
    struct fixture fixture;
    struct sim_store *copy;

    set_up(&fixture);
    run(&fixture, "HSET h a 1 b 2");
    eval(&fixture,
         "redis.call('HINCRBY', 'h', 'a', 5)\nreturn redis.call('XADD', 's', '*', 'f', 'v')");
    sim_store_set_clock(fixture.store, INT64_C(1700000009000000));
    run(&fixture, "HDEL h b");
    FS_CHECK_INT(sim_store_position(fixture.store), 3);

    copy = sim_store_copy_at(fixture.store, 2);
    CHECK_TEXT(run_on(&fixture, copy, "HGET h a"), "6");
    CHECK_TEXT(run_on(&fixture, copy, "HGET h b"), "2");
    CHECK_TEXT(run_on(&fixture, copy, "XRANGE s - +")->items[0].items, "1700000000123-0");
    FS_CHECK_INT(sim_store_clock(copy), INT64_C(1700000009000000));

    sim_store_follow(copy, fixture.store, 3);
    FS_CHECK_INT(run_on(&fixture, copy, "HGET h b")->kind, FS_REPLY_NIL);
    FS_CHECK_INT(sim_store_position(copy), 3);
    sim_store_destroy(copy);

    copy = sim_store_copy_at(fixture.store, 0);
    FS_CHECK_INT(run_on(&fixture, copy, "DBSIZE")->integer, 0);
    sim_store_destroy(copy);
    tear_down(&fixture);
}

static void a_key_ends_by_the_clock_and_a_copy_agrees(void)
{
    struct fixture fixture;
    struct sim_store *copy;

    set_up(&fixture);
    run(&fixture, "SET lock token PX 1000");
    FS_CHECK_INT(run(&fixture, "PTTL lock")->integer, 1000);
    sim_store_set_clock(fixture.store, INT64_C(1700000001124456));
    FS_CHECK_INT(run(&fixture, "EXISTS lock")->integer, 0);
    sim_store_set_clock(fixture.store, INT64_C(1700000000500000));
    FS_CHECK_INT(run(&fixture, "EXISTS lock")->integer, 0);
    copy = sim_store_copy_at(fixture.store, sim_store_position(fixture.store));
    FS_CHECK_INT(run_on(&fixture, copy, "EXISTS lock")->integer, 0);
    sim_store_destroy(copy);
    tear_down(&fixture);
}

static void memory_is_judged_at_the_first_write_of_a_script(void)
{
    struct fixture fixture;

    set_up(&fixture);
    sim_store_set_mode(fixture.store, SIM_STORE_OOM);
    FS_CHECK_INT(run(&fixture, "HSET h a 1")->kind, FS_REPLY_REFUSED);
    FS_CHECK_INT(eval(&fixture, "return redis.call('HSET', 'h', 'a', 1)")->kind, FS_REPLY_REFUSED);
    FS_CHECK_INT(sim_store_position(fixture.store), 0);
    FS_CHECK_INT(
        eval(&fixture, "redis.call('DEL', 'h')\nreturn redis.call('HSET', 'h', 'a', 1)")->integer,
        1);
    FS_CHECK_INT(eval(&fixture, "return redis.call('HGET', 'h', 'a')")->kind, FS_REPLY_TEXT);
    tear_down(&fixture);
}

static void what_a_mode_refuses_changes_nothing(void)
{
    static const enum sim_store_mode modes[] = {SIM_STORE_READONLY,   SIM_STORE_LOADING,
                                                SIM_STORE_MISCONF,    SIM_STORE_NOREPLICAS,
                                                SIM_STORE_MASTERDOWN, SIM_STORE_BUSY};
    struct fixture fixture;

    set_up(&fixture);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        sim_store_set_mode(fixture.store, modes[i]);
        FS_CHECK_INT(run(&fixture, "SET k v")->kind, FS_REPLY_REFUSED);
        FS_CHECK_INT(eval(&fixture, "return redis.call('SET', KEYS[1], 'v')")->kind,
                     FS_REPLY_REFUSED);
    }
    FS_CHECK_INT(sim_store_position(fixture.store), 0);
    tear_down(&fixture);
}

static void a_denied_command_fails_at_the_top_and_in_scripts(void)
{
    struct fixture fixture;

    set_up(&fixture);
    sim_store_deny(fixture.store, "hset", true);
    CHECK_TEXT(run(&fixture, "HSET h a 1"),
               "NOPERM this user has no permissions to run the 'hset' command");
    FS_CHECK_CONTAINS(eval(&fixture, "return redis.call('HSET', 'h', 'a', 1)")->text.data,
                      "ERR The user executing the script can't run this command or subcommand");
    FS_CHECK_INT(eval(&fixture, "return redis.acl_check_cmd('HSET', 'h', 'a', 1)")->kind,
                 FS_REPLY_NIL);
    CHECK_TEXT(run(&fixture, "ACL DRYRUN default HSET h a 1"),
               "This user has no permissions to run the 'hset' command");
    sim_store_deny(fixture.store, "hset", false);
    FS_CHECK_INT(run(&fixture, "HSET h a 1")->integer, 1);
    tear_down(&fixture);
}

static void a_script_is_known_to_the_store_that_was_sent_it(void)
{
    struct fs_text load[] = {FS_TEXT("SCRIPT"), FS_TEXT("LOAD"), FS_TEXT("return 7")};
    struct fs_text run_it[] = {FS_TEXT("EVALSHA"), FS_TEXT(""), FS_TEXT("0")};
    struct fixture fixture;
    struct sim_store *other;
    char digest[41];

    set_up(&fixture);
    other = sim_store_create(fixture.lua, "other");
    sim_store_run(fixture.store, 3, load, &fixture.reply);
    snprintf(digest, sizeof(digest), "%.40s", fixture.reply.reply.text.data);
    run_it[1] = fs_text_of(digest);
    sim_store_run(fixture.store, 3, run_it, &fixture.reply);
    FS_CHECK_INT(fixture.reply.reply.integer, 7);
    sim_store_run(other, 3, run_it, &fixture.reply);
    CHECK_TEXT(&fixture.reply.reply, "NOSCRIPT No matching script. Please use EVAL.");
    sim_store_forget_scripts(fixture.store);
    sim_store_run(fixture.store, 3, run_it, &fixture.reply);
    FS_CHECK_INT(fixture.reply.reply.kind, FS_REPLY_REFUSED);
    sim_store_destroy(other);
    tear_down(&fixture);
}

static void scripts_share_no_globals(void)
{
    struct fixture fixture;

    set_up(&fixture);
    FS_CHECK_CONTAINS(eval(&fixture, "left_behind = 1")->text.data,
                      "ERR user_script:1: Attempt to modify a readonly table");
    FS_CHECK_CONTAINS(eval(&fixture, "return left_behind")->text.data,
                      "nonexistent global variable 'left_behind'");
    tear_down(&fixture);
}

static void a_scan_in_pages_returns_every_field_once(void)
{
    struct fixture fixture;
    char line[64], cursor[32] = "0";
    unsigned seen = 0;

    set_up(&fixture);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(line, sizeof(line), "HSET h f%u v", i);
        run(&fixture, line);
    }
    sim_store_set_scan_max(fixture.store, 3);
    do {
        const struct fs_reply *reply;

        snprintf(line, sizeof(line), "HSCAN h %s COUNT 100", cursor);
        reply = run(&fixture, line);
        seen += (unsigned)reply->items[1].item_count / 2;
        snprintf(cursor, sizeof(cursor), "%.*s", (int)reply->items[0].text.len,
                 reply->items[0].text.data);
        snprintf(line, sizeof(line), "HDEL h f%u", seen - 1);
        run(&fixture, line); /* one that was returned goes while the scan is under way */
    } while (strcmp(cursor, "0") != 0);
    FS_CHECK_INT(seen, 20);
    tear_down(&fixture);
}

static void the_coverage_report_names_what_did_not_run(void)
{
    struct fixture fixture;
    char *report = NULL;
    size_t size = 0;
    FILE *out;

    set_up(&fixture);
    sim_lua_record_coverage(fixture.lua);
    eval(&fixture, "local function add(n)\n    return n + 1\nend\n"
                   "for i = 1, 2 do\n    if add(i) > 5 then\n        error('x')\n    end\nend\n"
                   "if KEYS[1] then\n    return 1\nend\nreturn 2");
    out = open_memstream(&report, &size);
    FS_REQUIRE(out != NULL);
    sim_lua_print_coverage(fixture.lua, out);
    fclose(out);
    FS_CHECK_CONTAINS(report, ": 6 of 8 lines, 4 of 6 branches");
    FS_CHECK_CONTAINS(report, "line 6 did not run: error('x')");
    FS_CHECK_CONTAINS(report, "line 5 never went on at 6: if add(i) > 5 then");
    FS_CHECK_CONTAINS(report, "line 9 never went on at 12: if KEYS[1] then");
    FS_CHECK_CONTAINS(report, "line 12 did not run: return 2");
    FS_CHECK(strstr(report, "line 4 ") == NULL);
    free(report);
    tear_down(&fixture);
}

/* What the process says and how it ends, in a child. */
static int end_by(struct fixture *fixture, const char *line, char *said, size_t size)
{
    int ends[2], status = -1;
    ssize_t len;
    pid_t pid;

    if (pipe(ends) != 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        run(fixture, line);
        _exit(0);
    }
    close(ends[1]);
    len = read(ends[0], said, size - 1);
    said[len > 0 ? len : 0] = '\0';
    close(ends[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void what_is_not_built_ends_the_process_with_its_name(void)
{
    static const char *const cases[][2] = {
        {"ZADD k 1 m", "unknown command 'ZADD'"},
        {"SET k v GET", "unknown option of SET 'GET'"},
        {"EVAL redis.call('LPUSH','k','v') 0", "unknown command in a script 'LPUSH'"},
        {"EVAL return(cjson.encode({})) 0", "unknown library in a script 'cjson'"},
    };
    struct fixture fixture;
    char said[256];

    set_up(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FS_CHECK_INT(end_by(&fixture, cases[i][0], said, sizeof(said)), 3);
        FS_CHECK_CONTAINS(said, cases[i][1]);
    }
    FS_CHECK_INT(end_by(&fixture, "PING", said, sizeof(said)), 0);
    tear_down(&fixture);
}

#define TESTS(T)                                        \
    T(a_script_that_fails_keeps_what_it_wrote)          \
    T(a_copy_is_the_store_as_it_was_at_that_position)   \
    T(a_key_ends_by_the_clock_and_a_copy_agrees)        \
    T(memory_is_judged_at_the_first_write_of_a_script)  \
    T(what_a_mode_refuses_changes_nothing)              \
    T(a_denied_command_fails_at_the_top_and_in_scripts) \
    T(a_script_is_known_to_the_store_that_was_sent_it)  \
    T(scripts_share_no_globals)                         \
    T(a_scan_in_pages_returns_every_field_once)         \
    T(the_coverage_report_names_what_did_not_run)       \
    T(what_is_not_built_ends_the_process_with_its_name)
FS_SUITE("sim/store", TESTS)
