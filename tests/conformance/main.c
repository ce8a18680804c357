/* Runs the conformance suite on a strategy:
 *
 *     test_conformance STRATEGY.so [--option NAME=VALUE]... [--loops N] [--sharded [--apart]] [--seed N]
 *                      [--redis N | --cluster N] [FILTER]
 *
 * FILTER: only the tests whose names contain it.  --redis: starts N redis-servers of its own, --cluster:
 * a Redis Cluster of N primaries; they are emptied before each test, and keep nothing on disk, since
 * the suite never ends them. */
#include "conformance/conformance.h"

#include <getopt.h>
#include <time.h>

#include "base/text.h"
#include "strategy/loader.h"
#include "support/redis_cluster.h"
#include "support/redis_driver.h"
#include "support/redis_server.h"

#define OPTIONS_MAX 16u
#define NODES_MAX 8u

static const char usage[] = "usage: test_conformance STRATEGY.so [--option NAME=VALUE]... "
                            "[--loops N] [--seed N] [--redis N | --cluster N] "
                            "[FILTER]\n";

struct arguments {
    struct fs_option options[OPTIONS_MAX];
    struct fs_conformance_settings settings;
    const char *path;
    const char *filter;
    unsigned node_count;
    bool is_cluster;
};

/* The redis-servers, while they run: CUnit's functions take no arguments. */
static struct {
    struct fs_redis_server servers[NODES_MAX];
    unsigned count;
    struct fs_redis_cluster cluster; /* instead of them */
    struct fs_log log;
    struct fs_redis *redis;
    struct fs_redis_driver drivers[2]; /* of the server, and of the second one */
} nodes;

static void fail(const char *text)
{
    fprintf(stderr, "%s\n%s", text, usage);
    exit(2);
}

static uint64_t number_of(const char *text, uint64_t max)
{
    uint64_t value = 0;

    if (fs_text_to_u64(fs_text_of(text), max, &value) != 0)
        fail(text);
    return value;
}

/* text: of argv, is cut at the "=". */
static void add_option(struct arguments *arguments, char *text)
{
    char *value = strchr(text, '=');

    if (!value || arguments->settings.option_count == OPTIONS_MAX)
        fail(text);
    *value = '\0';
    arguments->options[arguments->settings.option_count++] =
        (struct fs_option){.name = text, .value = value + 1};
}

static void read_arguments(struct arguments *arguments, int argc, char **argv)
{
    static const struct option names[] = {
        {"option", required_argument, NULL, 'o'},  {"loops", required_argument, NULL, 'l'},
        {"seed", required_argument, NULL, 's'},    {"redis", required_argument, NULL, 'r'},
        {"sharded", no_argument, NULL, 'h'},       {"apart", no_argument, NULL, 'a'},
        {"cluster", required_argument, NULL, 'c'}, {0},
    };
    const char *seed = getenv("FS_SEED");
    struct fs_conformance_settings *settings = &arguments->settings;
    int found;

    settings->loop_count = 1;
    settings->seed = seed ? number_of(seed, UINT64_MAX) : (uint64_t)time(NULL);
    while ((found = getopt_long(argc, argv, "", names, NULL)) != -1) {
        arguments->is_cluster = arguments->is_cluster || found == 'c';
        if (found == 'o')
            add_option(arguments, optarg);
        else if (found == 'l')
            settings->loop_count = (unsigned)number_of(optarg, FS_DRIVER_LOOPS_MAX);
        else if (found == 's')
            settings->seed = number_of(optarg, UINT64_MAX);
        else if (found == 'h')
            settings->is_sharded = true;
        else if (found == 'a')
            settings->is_apart = true;
        else if (found == 'r' || found == 'c')
            arguments->node_count = (unsigned)number_of(optarg, NODES_MAX);
        else
            fail("unknown option");
    }
    if (optind >= argc || settings->loop_count == 0)
        fail("which strategy?");
    arguments->path = argv[optind];
    arguments->filter = optind + 1 < argc ? argv[optind + 1] : NULL;
    settings->option_list = arguments->options;
}

static void empty_nodes(void)
{
    for (unsigned i = 0; i < nodes.count; i++)
        freeReplyObject(fs_redis_server_ask(&nodes.servers[i], "FLUSHALL"));
    for (unsigned i = 0; i < nodes.cluster.count; i++)
        freeReplyObject(fs_redis_server_ask(&nodes.cluster.nodes[i], "FLUSHALL"));
}

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static void start_nodes(struct arguments *arguments)
{
    static const char *const redis_arguments[] = {"--maxmemory-policy", "noeviction", NULL};
    struct fs_conformance_settings *settings = &arguments->settings;
    const char *urls[NODES_MAX];
    struct fs_redis_options options = {.urls = urls,
                                       .url_count = arguments->node_count,
                                       .loop_count = 2 * settings->loop_count,
                                       .log = &nodes.log};
    struct fs_error error;

    if (arguments->node_count == 0)
        return;
    fs_log_init(&nodes.log, FS_LOG_ERROR, FS_LOG_TEXT, drop_line, NULL);
    if (arguments->is_cluster) {
        fs_redis_cluster_start(&nodes.cluster, arguments->node_count, 0);
        urls[0] = nodes.cluster.nodes[0].tcp_url;
        options.url_count = 1;
    }
    while (!arguments->is_cluster && nodes.count < arguments->node_count) {
        urls[nodes.count] =
            fs_redis_server_start(&nodes.servers[nodes.count], redis_arguments)->unix_url;
        nodes.count++;
    }
    if (fs_redis_create(&options, &nodes.redis, &error) != 0)
        fail(error.text);
    for (unsigned i = 0; i < 2; i++)
        fs_redis_driver_init(&nodes.drivers[i], nodes.redis);
    settings->store = &nodes.drivers[0].offered;
    settings->second_store = &nodes.drivers[1].offered;
    settings->empty_store = empty_nodes;
}

static void stop_nodes(void)
{
    if (nodes.redis)
        fs_redis_destroy(nodes.redis);
    for (unsigned i = 0; i < nodes.count; i++)
        fs_redis_server_stop(&nodes.servers[i]);
    fs_redis_cluster_stop(&nodes.cluster);
}

#define ADD_TEST(name) CU_add_test(suite, #name, name);

static int run_suite(const char *name, const char *filter)
{
    CU_pSuite suite;
    unsigned failed;

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    suite = CU_add_suite_with_setup_and_teardown(name, NULL, NULL, fs_conformance_set_up,
                                                 fs_conformance_tear_down);
    if (!suite)
        return 2;
    FS_CONFORMANCE_TESTS(ADD_TEST)
    for (CU_pTest test = suite->pTest; filter && test; test = test->pNext)
        CU_set_test_active(test, strstr(test->pName, filter) ? CU_TRUE : CU_FALSE);
    CU_set_fail_on_inactive(CU_FALSE);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
    CU_cleanup_registry();
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct fs_strategy_module module;
    char error[FS_LOADER_ERROR_SIZE];
    int status;

    read_arguments(&arguments, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (fs_strategy_load(arguments.path, ".", &module, error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    arguments.settings.strategy = &module.strategy;
    start_nodes(&arguments);
    fs_conformance_configure(&arguments.settings);
    printf("%s, %u loops, seed %" PRIu64 "\n", module.path, arguments.settings.loop_count,
           arguments.settings.seed);
    status = run_suite(module.strategy.name, arguments.filter);
    stop_nodes();
    fs_strategy_unload(&module);
    return status;
}
