/* Command lines and what becomes of them: exit codes, settings, sentences. */
#include "support/suite.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* What one command line did. */
struct outcome {
    int code;
    bool serves;
    char *yaml; /* the settings it would serve with */
    char *out;
    char *err;
};

#define WORDS_MAX 16

/* line: words separated by spaces.  environment: NULL-ended, or NULL. */
static struct outcome run(const char *line, char *const *environment)
{
    static char *const none[] = {NULL};
    struct outcome outcome = {0};
    struct fs_settings *settings;
    struct fs_cli_io io = {.environment = environment ? environment : none};
    char *words[WORDS_MAX + 1] = {NULL};
    char *copy = strdup(line);
    char *rest = copy;
    size_t out_len;
    size_t err_len;
    int count = 0;

    for (char *word; count < WORDS_MAX && (word = strsep(&rest, " "));)
        words[count++] = word;
    io.out = open_memstream(&outcome.out, &out_len);
    io.err = open_memstream(&outcome.err, &err_len);
    outcome.code = fs_cli_run(count, words, &io, &settings);
    outcome.serves = settings != NULL;
    if (settings)
        fs_settings_check(settings, &outcome.yaml, NULL);
    fs_settings_destroy(settings);
    fclose(io.out);
    fclose(io.err);
    free(copy);
    return outcome;
}

static void dispose(struct outcome *outcome)
{
    free(outcome->yaml);
    free(outcome->out);
    free(outcome->err);
}

static void each_command_line_has_its_exit_code(void)
{
    static const struct {
        const char *line;
        int code;
        const char *said; /* on either stream; NULL: serves */
    } lines[] = {
        {"flashsale", 0, NULL},
        {"flashsale serve", 0, NULL},
        {"flashsale --workers 3", 0, NULL},
        {"flashsale serve --strategy v1 --listen 127.0.0.1:0 --admin unix:/x", 0, NULL},
        {"flashsale --set purchase.deadline=500ms", 0, NULL},
        {"flashsale version", 0, "flashsale 0."},
        {"flashsale --version", 0, "flashsale 0."},
        {"flashsale version --json", 0, "\"strategy_abi\""},
        {"flashsale help", 0, "check-config"},
        {"flashsale --help", 0, "check-config"},
        {"flashsale -h", 0, "check-config"},
        {"flashsale help stock", 0, "--token-file"},
        {"flashsale stock --help", 0, "--token-file"},
        {"flashsale serve --help", 0, "--workers"},
        {"flashsale help serve", 0, "--workers"},
        {"flashsale check-config", 0, "listen"},
        {"flashsale help nothing", 2, "no command nothing"},
        {"flashsale nothing", 2, "no command nothing"},
        {"flashsale stokc", 2, "did you mean stock?"},
        {"flashsale check-confg", 2, "did you mean check-config?"},
        {"flashsale --wrokers 2", 2, "did you mean --workers?"},
        {"flashsale serve --lisen=127.0.0.1:0", 2, "did you mean --listen?"},
        {"flashsale --nothing-like-it", 2, "no option --nothing-like-it"},
        {"flashsale -x", 2, "no option -x"},
        {"flashsale --workers", 2, "--workers needs a value"},
        {"flashsale --workers 0", 2, "--workers"},
        {"flashsale --workers -1", 2, "--workers"},
        {"flashsale --workers two", 2, "--workers"},
        {"flashsale --log-level loud", 2, "--log-level"},
        {"flashsale --set nonsense", 2, "KEY=VALUE"},
        {"flashsale --set =1", 2, "KEY=VALUE"},
        {"flashsale --set wrokers=1", 2, "did you mean"},
        {"flashsale serve extra", 2, "extra"},
        {"flashsale version extra", 2, "extra"},
        {"flashsale -c /nowhere/f.yaml", 2, "/nowhere/f.yaml"},
        {"flashsale check-config -c /nowhere/f.yaml", 2, "/nowhere/f.yaml"},
        {"flashsale version --workers 2", 2, "--workers"},
        {"flashsale strategies --dir /nowhere", 1, "strategies"},
        {"flashsale stock", 2, "stock needs"},
        {"flashsale stock shw 1", 2, "did you mean stock show?"},
        {"flashsale stock show", 2, "stock show ID"},
        {"flashsale stock set 1", 2, "stock set ID N"},
        {"flashsale stock set 1 many", 2, "many"},
        {"flashsale stock add 1 -5", 2, "5"},
        {"flashsale stock show a/b", 2, "a/b"},
        {"flashsale stock list 1", 2, "stock list"},
        {"flashsale stock list --token-file /nowhere", 1, "/nowhere"},
        {"flashsale healthcheck --admin 127.0.0.1:1", 1, "127.0.0.1:1"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct outcome outcome = run(lines[i].line, NULL);
        const char *said = outcome.code == 0 ? outcome.out : outcome.err;

        if (outcome.code != lines[i].code || outcome.serves != (lines[i].said == NULL))
            printf("\n%s: %d %s%s", lines[i].line, outcome.code, outcome.out, outcome.err);
        FS_CHECK_INT(outcome.code, lines[i].code);
        FS_CHECK_INT(outcome.serves, lines[i].said == NULL);
        if (lines[i].said)
            FS_CHECK_CONTAINS(said, lines[i].said);
        dispose(&outcome);
    }
}

static void each_flag_of_serve_sets_its_key_and_is_named_as_its_origin(void)
{
    static const struct {
        const char *line;
        const char *value;
        const char *origin;
    } flags[] = {
        {"flashsale --strategy v3", "v3", "--strategy"},
        {"flashsale --listen 127.0.0.1:7777", "127.0.0.1:7777", "--listen"},
        {"flashsale --admin 127.0.0.1:7778", "127.0.0.1:7778", "--admin"},
        {"flashsale --redis redis://127.0.0.1:6379", "redis://127.0.0.1:6379", "--redis"},
        {"flashsale --workers 7", "7", "--workers"},
        {"flashsale --data-dir /x/y", "/x/y", "--data-dir"},
        {"flashsale --log-level debug", "debug", "--log-level"},
        {"flashsale --log-format json", "json", "--log-format"},
        {"flashsale --set purchase.deadline=750ms", "750ms", "--set"},
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct outcome outcome = run(flags[i].line, NULL);

        FS_CHECK_CONTAINS(outcome.yaml, flags[i].value);
        FS_CHECK_CONTAINS(outcome.yaml, flags[i].origin);
        dispose(&outcome);
    }
}

static void a_repeated_listen_adds_an_address(void)
{
    struct outcome outcome =
        run("flashsale --listen 127.0.0.1:7001 --listen unix:/x/s --listen [::1]:7002", NULL);

    FS_CHECK_CONTAINS(outcome.yaml, "127.0.0.1:7001");
    FS_CHECK_CONTAINS(outcome.yaml, "unix:/x/s");
    FS_CHECK_CONTAINS(outcome.yaml, "[::1]:7002");
    dispose(&outcome);
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void)
{
    char path[] = "/tmp/flashsale-cli-XXXXXX";
    char line[128];
    char variable[128];
    char *environment[] = {variable, NULL, NULL};
    int fd = mkstemp(path);
    struct outcome outcome;

    FS_REQUIRE(fd >= 0);
    FS_CHECK(write(fd, "workers: 3\n", 11) == 11);
    close(fd);
    snprintf(variable, sizeof(variable), "FLASHSALE_CONFIG=%s", path);
    outcome = run("flashsale", environment);
    FS_CHECK_CONTAINS(outcome.yaml, "workers: 3");
    dispose(&outcome);
    environment[1] = (char[]){"FLASHSALE_WORKERS=2"};
    outcome = run("flashsale", environment);
    FS_CHECK_CONTAINS(outcome.yaml, "workers: 2");
    dispose(&outcome);
    outcome = run("flashsale --workers 1", environment);
    FS_CHECK_CONTAINS(outcome.yaml, "workers: 1");
    dispose(&outcome);
    snprintf(line, sizeof(line), "flashsale -c %s", path);
    outcome = run(line, &environment[1]);
    FS_CHECK_CONTAINS(outcome.yaml, "workers: 2");
    dispose(&outcome);
    unlink(path);
}

static void an_unknown_variable_is_refused(void)
{
    char *environment[] = {(char[]){"FLASHSALE_WROKERS=2"}, NULL};
    struct outcome outcome = run("flashsale", environment);

    FS_CHECK_INT(outcome.code, 2);
    FS_CHECK_CONTAINS(outcome.err, "FLASHSALE_WROKERS");
    dispose(&outcome);
}

static void the_admin_token_is_no_key_of_the_configuration(void)
{
    char *environment[] = {(char[]){"FLASHSALE_ADMIN_TOKEN=0123456789abcdef"}, NULL};
    struct outcome outcome = run("flashsale stock list --admin 127.0.0.1:1", environment);

    FS_CHECK_INT(outcome.code, 1); /* nobody listens there: but it was asked */
    FS_CHECK_CONTAINS(outcome.err, "did not answer");
    dispose(&outcome);
}

static void the_strategies_of_a_folder_are_listed_with_what_does_not_load(void)
{
    char folder[] = "/tmp/flashsale-cli-XXXXXX";
    char link[64];
    char other[64];
    char line[128];
    FILE *file;
    struct outcome outcome;

    FS_REQUIRE(mkdtemp(folder) != NULL);
    snprintf(link, sizeof(link), "%s/null.so", folder);
    snprintf(other, sizeof(other), "%s/other.so", folder);
    FS_REQUIRE(symlink(FS_TEST_NULL, link) == 0);
    FS_REQUIRE((file = fopen(other, "w")) != NULL);
    fputs("no object", file);
    fclose(file);
    chmod(other, 0644);
    snprintf(line, sizeof(line), "flashsale strategies --dir %s", folder);
    outcome = run(line, NULL);
    FS_CHECK_INT(outcome.code, 0);
    FS_CHECK_CONTAINS(outcome.out, "null");
    FS_CHECK_CONTAINS(outcome.out, "other      cannot be loaded");
    dispose(&outcome);
    snprintf(line, sizeof(line), "flashsale strategies --json --dir %s", folder);
    outcome = run(line, NULL);
    FS_CHECK_CONTAINS(outcome.out, "\"name\": \"null\"");
    FS_CHECK_CONTAINS(outcome.out, "\"problem\"");
    dispose(&outcome);
    unlink(link);
    unlink(other);
    rmdir(folder);
}

#define TESTS(T)                                                  \
    T(each_command_line_has_its_exit_code)                        \
    T(each_flag_of_serve_sets_its_key_and_is_named_as_its_origin) \
    T(a_repeated_listen_adds_an_address)                          \
    T(a_flag_wins_over_the_environment_and_that_over_the_file)    \
    T(an_unknown_variable_is_refused)                             \
    T(the_admin_token_is_no_key_of_the_configuration)             \
    T(the_strategies_of_a_folder_are_listed_with_what_does_not_load)

FS_SUITE("cli/cli", TESTS)
