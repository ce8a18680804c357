/* Scenario files: what is read of them, what is refused and where, and what they ask for when. */
#include "scenario/scenario.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "support/suite.h"

#define HEAD "executor: constant-vus\nusers: 10\nstock: 5\nstages:\n  - {hold: 1s, target: 10}\n"

/* A file of this text, read; the message has the file's name cut off. */
static int read_text(const char *text, enum fs_profile profile, struct fs_scenario *scenario,
                     char error[FS_SCENARIO_ERROR_SIZE])
{
    char path[] = "/tmp/fs_scenario_XXXXXX";
    int fd = mkstemp(path);
    size_t cut = strlen(path) + 1;
    int rc;

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        exit(2);
    close(fd);
    error[0] = '\0';
    rc = fs_scenario_read(scenario, path, profile, error);
    if (strncmp(error, path, strlen(path)) == 0)
        memmove(error, error + cut, strlen(error + cut) + 1);
    unlink(path);
    return rc;
}

static void a_file_is_read_with_its_units(void)
{
    struct fs_scenario scenario;
    char error[FS_SCENARIO_ERROR_SIZE];
    int rc = read_text("name: mine\ndescription: 'a: text'\nexecutor: ramping-vus\nusers: 30\n"
                       "connections: 20\nthink: {min: 100ms, max: 0.5s}\ndeadline: 250us000\n",
                       FS_PROFILE_FULL, &scenario, error);

    FS_CHECK_INT(rc, -EINVAL);
    rc = read_text(
        "name: mine\ndescription: 'a: text'\nexecutor: ramping-vus\nusers: 30\n"
        "connections: 20\nthink: {min: 100ms, max: 0.5s}\ndeadline: 2m\n"
        "stages:\n  - {name: up, ramp: 1500ms, hold: 1h, target: 30, warmup: true}\n"
        "  - {hold: 250us, target: 1}\n"
        "mix: {purchase: 7, inventory: 3}\nretry: {doubled: 30%, concurrent: 0.5, cut: 10%, "
        "again: 4, again_after: 5ms}\nproducts: [a, \"2\"]\nhot_share: 90%\n"
        "quantity: {min: 1, max: 3}\nstock: 100\nper_user_max: 2\nrestock_units: 9\n"
        "sells_out: true\nthresholds: {error_rate: '< 0.1%', latency_p99_ms: report <= 500}\n",
        FS_PROFILE_FULL, &scenario, error);
    FS_CHECK_STR(error, "");
    FS_REQUIRE(rc == 0);
    FS_CHECK_STR(scenario.name, "mine");
    FS_CHECK_STR(scenario.description, "a: text");
    FS_CHECK_INT(scenario.executor, FS_EXECUTOR_RAMPING_VUS);
    FS_CHECK_INT(scenario.users, 30);
    FS_CHECK_INT(scenario.connections_max, 20);
    FS_CHECK_INT(scenario.think_us_min, 100000);
    FS_CHECK_INT(scenario.think_us_max, 500000);
    FS_CHECK_INT(scenario.deadline_us, 120000000);
    FS_CHECK_INT(scenario.stage_count, 2);
    FS_CHECK_STR(scenario.stages[0].name, "up");
    FS_CHECK_INT(scenario.stages[0].ramp_us, 1500000);
    FS_CHECK_INT(scenario.stages[0].hold_us, 3600000000);
    FS_CHECK(scenario.stages[0].warmup && !scenario.stages[1].warmup);
    FS_CHECK_STR(scenario.stages[1].name, "stage-2");
    FS_CHECK_INT(scenario.stages[1].hold_us, 250);
    FS_CHECK_INT(scenario.mix.purchase * 10 + scenario.mix.inventory, 73);
    FS_CHECK(scenario.retry.share_doubled == 0.3 && scenario.retry.share_concurrent == 0.5);
    FS_CHECK_INT(scenario.retry.again_max, 4);
    FS_CHECK_INT(scenario.retry.again_after_us, 5000);
    FS_CHECK_STR(scenario.products[0], "a");
    FS_CHECK_STR(scenario.products[1], "2");
    FS_CHECK_INT(scenario.product_count, 2);
    FS_CHECK(scenario.hot_share == 0.9);
    FS_CHECK_INT(scenario.quantity_min * 10 + scenario.quantity_max, 13);
    FS_CHECK_INT(scenario.stock, 100);
    FS_CHECK_INT(scenario.per_user_max, 2);
    FS_CHECK_INT(scenario.restock_units, 9);
    FS_CHECK(scenario.sells_out);
    FS_CHECK_INT(scenario.threshold_count, 2);
    FS_CHECK_STR(scenario.thresholds[0].metric, "error_rate");
    FS_CHECK_STR(scenario.thresholds[0].comparison, "<");
    FS_CHECK(scenario.thresholds[0].value == 0.001 && !scenario.thresholds[0].reported_only);
    FS_CHECK_STR(scenario.thresholds[1].comparison, "<=");
    FS_CHECK(scenario.thresholds[1].value == 500 && scenario.thresholds[1].reported_only);
}

static void what_is_left_out_has_a_default(void)
{
    struct fs_scenario scenario;
    char error[FS_SCENARIO_ERROR_SIZE];

    FS_REQUIRE(read_text(HEAD, FS_PROFILE_CI, &scenario, error) == 0);
    FS_CHECK_INT(strncmp(scenario.name, "fs_scenario_", 12), 0); /* the file's name */
    FS_CHECK_INT(scenario.connections_max, 10);
    FS_CHECK_INT(scenario.mix.purchase, 1);
    FS_CHECK_INT(scenario.mix.inventory, 0);
    FS_CHECK_INT(scenario.quantity_max, 1);
    FS_CHECK_INT(scenario.product_count, 1);
    FS_CHECK_STR(scenario.products[0], "1");
    FS_CHECK_INT(scenario.deadline_us, 10000000);
    FS_CHECK_INT(scenario.profile, FS_PROFILE_CI);
    FS_CHECK_STR(scenario.stages[0].name, "stage-1");
}

static void a_wrong_file_is_refused_with_its_place_and_what_was_meant(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {HEAD "usres: 4\n", "6:1: unknown key 'usres'; did you mean 'users'?"},
        {HEAD "unheard: 4\n", "6:1: unknown key 'unheard'"},
        {HEAD "users: 4\n", "6:1: users: said twice"},
        {"users: 0\n", "1:8: users: 0 is below 1"},
        {"users: 1000000\n", "1:8: users: 1000000 is above 100000"},
        {"users: 1.5\n", "1:8: users: '1.5' is not a whole number"},
        {"users: -1\n", "1:8: users: '-1' is not a whole number"},
        {"users:\n", "1:7: 'users' has no value"},
        {"users: [1]\n", "1:8: 'users' must be a single value, not a list"},
        {"deadline: 5\n", "1:11: deadline: '5' is not a duration such as 30s or 100ms"},
        {"deadline: 5 s\n", "1:11: deadline: '5 s' is not a duration"},
        {"deadline: 2h\n", "1:11: deadline: 2h is above 3600s"},
        {"hot_share: 110%\n", "1:12: hot_share: 110% is above 1"},
        {"hot_share: much\n", "1:12: hot_share: 'much' is not a share such as 30% or 0.3"},
        {"sells_out: yes\n", "1:12: sells_out: 'yes' is neither true nor false"},
        {"executor: constant-vu\n",
         "1:11: executor: unknown executor 'constant-vu'; did you mean 'constant-vus'?"},
        {"executor: forever\n", "1:11: "},
        {"think: {mim: 1s}\n", "1:9: unknown key 'think.mim'; did you mean 'min'?"},
        {"stages: 5\n", "1:9: 'stages' must be a list, not a single value"},
        {"stages:\n  - {hold: 1s, traget: 5}\n",
         "2:16: unknown key 'stages.traget'; did you mean 'target'?"},
        {"products: [a b]\n", "1:12: products: an id is"},
        {"products: [a, a]\n", "1:15: products: the same product twice"},
        {"products: []\n", "products: an empty list"},
        {"thresholds: {latency_p90_ms: '< 1'}\n",
         "1:14: unknown key 'thresholds.latency_p90_ms'; did you mean 'latency_p"},
        {"thresholds: {error_rate: 5}\n", "1:26: thresholds.error_rate: '5' is no threshold"},
        {"thresholds: {error_rate: '< 5 s'}\n", "'< 5 s' is no threshold"},
        {HEAD "profiles: {quick: {}}\n", "6:12: unknown key 'profiles.quick'"},
        {HEAD "profiles: {ci: {usres: 4}}\n",
         "6:17: unknown key 'profiles.ci.usres'; did you mean 'users'?"},
        {HEAD "profiles: {full: {users: 0}}\n", "6:26: users: 0 is below 1"},
        {HEAD "profiles: {ci: {profiles: {}}}\n", "6:17: profiles.ci.profiles: not in a profile"},
        {HEAD "profiles: {ci: {name: x}}\n", "6:17: profiles.ci.name: not in a profile"},
        {HEAD "time_scale: 2\n", "6:1: unknown key 'time_scale'"},
        {HEAD "profiles: {ci: {users: 5}}\n",
         "4:1: stages: a stage's target is more than the users that there are (profile ci)"},
        {HEAD "name: ../x\n", "6:1: name: it names a folder"},
        {HEAD "name: a/b\n", "6:1: name: it names a folder"},
        {HEAD "name: .hidden\n", "6:1: name: it names a folder"},
        {HEAD "name: \"a\\nb\"\n", "6:1: name: it names a folder"},
        {HEAD "quantity: {min: 3, max: 2}\n", "6:1: quantity: min is above max"},
        {HEAD "mix: {purchase: 0}\n", "6:1: mix: all weights are 0"},
        {HEAD "hot_share: 50%\n", "6:1: hot_share: one product cannot be hotter"},
        {"executor: constant-vus\nusers: 5\n", "stock: missing"},
        {"users: 5\n", "executor: missing"},
        {"executor: constant-vus\nusers: 1\nstock: 1\n", "stages: this executor needs stages"},
        {"executor: constant-vus\nusers: 1\nstock: 1\nstages: [{ramp: 1s, target: 1}]\n",
         "4:1: stages: a ramp needs the executor"},
        {"executor: constant-vus\nusers: 1\nstock: 1\nstages: [{hold: 1s, target: 1, warmup: "
         "true}]\n",
         "4:1: stages: all stages are warm-up"},
        {"executor: per-vu-iterations\nusers: 1\nstock: 1\nstages: [{hold: 1s, target: 1}]\n",
         "4:1: stages: per-vu-iterations has no stages"},
        {"executor: constant-arrival-rate\nusers: 1\nstock: 1\nthink: 1s\n"
         "stages: [{hold: 1s, target: 1}]\n",
         "4:1: think: an arrival rate has no think time"},
        {"", "scenario: empty"},
        {"- 1\n", "1:1: 'scenario' must be a map of keys, not a list"},
        {"users: &a 5\n", "1:8: anchors"},
        {"\tusers: 5\n", "1:1: a tab cannot indent in YAML"},
        {HEAD "---\nusers: 1\n", "6:1: scenario: a second document begins here"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fs_scenario scenario;
        char error[FS_SCENARIO_ERROR_SIZE];

        FS_CHECK_INT(read_text(cases[i].text, FS_PROFILE_CI, &scenario, error), -EINVAL);
        FS_CHECK_CONTAINS(error, cases[i].error);
    }
}

static void a_missing_file_and_a_folder_are_named(void)
{
    struct fs_scenario scenario;
    char error[FS_SCENARIO_ERROR_SIZE];

    FS_CHECK_INT(fs_scenario_read(&scenario, "/nowhere/x.yaml", FS_PROFILE_CI, error), -ENOENT);
    FS_CHECK_STR(error, "/nowhere/x.yaml: No such file or directory");
    FS_CHECK_INT(fs_scenario_read(&scenario, "/tmp", FS_PROFILE_CI, error), -EISDIR);
}

static void a_profile_scales_first_and_then_replaces(void)
{
    static const char text[] =
        "profiles:\n  smoke: {users: 7, time_scale: 0.5, user_scale: 0.1}\n"
        "  ci:\n    time_scale: 0.01\n    stock: 9\n    thresholds: {error_rate: '< 5%'}\n"
        "executor: ramping-vus\nusers: 1000\nconnections: 500\nstock: 5\nstages:\n"
        "  - {ramp: 10s, hold: 60s, target: 30}\n  - {hold: 10s, target: 4}\n"
        "thresholds: {error_rate: '< 1%', tps_sold: '> 100'}\n";
    struct fs_scenario full, ci, smoke;
    char error[FS_SCENARIO_ERROR_SIZE];

    FS_REQUIRE(read_text(text, FS_PROFILE_FULL, &full, error) == 0);
    FS_CHECK_INT(full.users, 1000);
    FS_CHECK_INT(full.stages[0].hold_us, 60000000);
    FS_CHECK_INT(full.stock, 5);
    FS_REQUIRE(read_text(text, FS_PROFILE_CI, &ci, error) == 0);
    FS_CHECK_INT(ci.users, 1000);
    FS_CHECK_INT(ci.stages[0].ramp_us, 100000);
    FS_CHECK_INT(ci.stages[0].hold_us, 600000);
    FS_CHECK(ci.stages[0].target == 30);
    FS_CHECK_INT(ci.stock, 9);
    FS_CHECK_INT(ci.threshold_count, 2);
    FS_CHECK(ci.thresholds[0].value == 0.05 && ci.thresholds[1].value == 100);
    FS_REQUIRE(read_text(text, FS_PROFILE_SMOKE, &smoke, error) == 0);
    FS_CHECK_INT(smoke.users, 7);
    FS_CHECK_INT(smoke.connections_max, 7); /* no more than users */
    FS_CHECK_INT(full.connections_max, 500);
    FS_CHECK(smoke.stages[0].target == 3);
    FS_CHECK(smoke.stages[1].target == 1); /* none is scaled away */
    FS_CHECK_INT(smoke.stages[0].hold_us, 30000000);
}

static void the_target_is_a_line_of_ramps_and_holds(void)
{
    const struct fs_scenario scenario = {
        .executor = FS_EXECUTOR_RAMPING_VUS,
        .stages = {{.ramp_us = 100, .hold_us = 50, .target = 10},
                   {.hold_us = 30, .target = 100},
                   {.ramp_us = 20, .target = 0},
                   {.ramp_us = 10, .hold_us = 1, .target = 5}},
        .stage_count = 4,
    };
    static const struct {
        uint64_t at_us;
        double target;
        size_t stage;
    } cases[] = {{0, 0, 0},     {50, 5, 0},    {99, 9.9, 0},  {100, 10, 0}, {149, 10, 0},
                 {150, 100, 1}, {179, 100, 1}, {180, 100, 2}, {190, 50, 2}, {199, 5, 2},
                 {200, 0, 3},   {205, 2.5, 3}, {210, 5, 3},   {211, 0, 4},  {9999, 0, 4}};

    FS_CHECK_INT(fs_scenario_duration_us(&scenario), 211);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t stage = 99;
        double target = fs_scenario_target(&scenario, cases[i].at_us, &stage);

        FS_CHECK(target > cases[i].target - 1e-9 && target < cases[i].target + 1e-9);
        FS_CHECK_INT(stage, cases[i].stage);
    }
}

static void per_vu_iterations_last_until_their_bound(void)
{
    const struct fs_scenario scenario = {
        .executor = FS_EXECUTOR_PER_VU_ITERATIONS, .users = 9, .time_max_us = 500};
    size_t stage;

    FS_CHECK_INT(fs_scenario_duration_us(&scenario), 500);
    FS_CHECK(fs_scenario_target(&scenario, 499, &stage) == 9 && stage == 0);
    FS_CHECK(fs_scenario_target(&scenario, 500, &stage) == 0 && stage == 1);
}

/* The files that are delivered: all three profiles of each are good, and those of ci are short. */
static void the_delivered_scenarios_are_good_and_their_ci_profile_is_short(void)
{
    DIR *folder = opendir(FS_TEST_SCENARIOS);
    uint64_t sum_us = 0;
    size_t count = 0;
    size_t limited_count = 0;
    struct dirent *entry;

    FS_REQUIRE(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        struct fs_scenario scenario;
        char path[512], error[FS_SCENARIO_ERROR_SIZE] = "";

        if (!strstr(entry->d_name, ".yaml"))
            continue;
        count++;
        snprintf(path, sizeof(path), "%s/%s", FS_TEST_SCENARIOS, entry->d_name);
        for (int i = FS_PROFILE_SMOKE; i <= FS_PROFILE_FULL; i++) {
            FS_CHECK_INT(fs_scenario_read(&scenario, path, (enum fs_profile)i, error), 0);
            FS_CHECK_STR(error, "");
            limited_count += scenario.per_user_max > 0;
            if (scenario.executor == FS_EXECUTOR_PER_VU_ITERATIONS)
                continue;
            FS_CHECK(i != FS_PROFILE_SMOKE || fs_scenario_duration_us(&scenario) <= 2000000);
            sum_us += i == FS_PROFILE_CI ? fs_scenario_duration_us(&scenario) : 0;
        }
    }
    closedir(folder);
    FS_CHECK_INT(count, 11);
    FS_CHECK(limited_count >= 3); /* else the matrix never sees a limit */
    FS_CHECK(sum_us < 25000000);  /* four strategies: 100 s of the matrix's 180 */
}

static void the_plans_scenarios_are_as_the_plan_wrote_them(void)
{
    struct fs_scenario scenario;
    char error[FS_SCENARIO_ERROR_SIZE];

    FS_REQUIRE(
        fs_scenario_read(&scenario, FS_TEST_SCENARIOS "/load.yaml", FS_PROFILE_FULL, error) == 0);
    FS_CHECK_INT(fs_scenario_duration_us(&scenario) / 1000000, 30 + 120 + 30 + 120 + 60 + 300);
    FS_CHECK(scenario.stages[1].target == 500 && scenario.stages[2].target == 1000);
    FS_CHECK_INT(scenario.think_us_min, 100000);
    FS_CHECK_INT(scenario.think_us_max, 500000);
    FS_CHECK_INT(scenario.mix.purchase * 10 + scenario.mix.inventory, 73);
    FS_CHECK_INT(scenario.product_count, 10);
    FS_REQUIRE(
        fs_scenario_read(&scenario, FS_TEST_SCENARIOS "/stress.yaml", FS_PROFILE_FULL, error) == 0);
    FS_CHECK_INT(scenario.stage_count, 50);
    for (size_t i = 0; i < scenario.stage_count; i++) {
        FS_CHECK(scenario.stages[i].target == 100.0 * (double)(i + 1));
        FS_CHECK_INT(scenario.stages[i].ramp_us + scenario.stages[i].hold_us, 60000000);
    }
    FS_REQUIRE(
        fs_scenario_read(&scenario, FS_TEST_SCENARIOS "/soak.yaml", FS_PROFILE_FULL, error) == 0);
    FS_CHECK(scenario.stages[1].hold_us == 3600000000u && scenario.stages[1].target == 500);
    FS_REQUIRE(
        fs_scenario_read(&scenario, FS_TEST_SCENARIOS "/spike.yaml", FS_PROFILE_FULL, error) == 0);
    FS_CHECK(scenario.stages[1].ramp_us == 5000000 && scenario.stages[1].target == 1000);
    FS_REQUIRE(
        fs_scenario_read(&scenario, FS_TEST_SCENARIOS "/rush.yaml", FS_PROFILE_FULL, error) == 0);
    FS_CHECK(scenario.users == 1000 && scenario.stock == 100 && scenario.sells_out);
    FS_REQUIRE(fs_scenario_read(&scenario, FS_TEST_SCENARIOS "/baseline.yaml", FS_PROFILE_FULL,
                                error) == 0);
    FS_CHECK(scenario.users == 1 && fs_scenario_duration_us(&scenario) == 60000000);
}

#define TESTS(T)                                                      \
    T(a_file_is_read_with_its_units)                                  \
    T(what_is_left_out_has_a_default)                                 \
    T(a_wrong_file_is_refused_with_its_place_and_what_was_meant)      \
    T(a_missing_file_and_a_folder_are_named)                          \
    T(a_profile_scales_first_and_then_replaces)                       \
    T(the_target_is_a_line_of_ramps_and_holds)                        \
    T(per_vu_iterations_last_until_their_bound)                       \
    T(the_delivered_scenarios_are_good_and_their_ci_profile_is_short) \
    T(the_plans_scenarios_are_as_the_plan_wrote_them)

FS_SUITE("bench_scenario/scenario", TESTS)
