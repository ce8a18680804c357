/* Reads the options of a command line into settings. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/suggest.h"

#define SERVER_COMMANDS (FS_CLI_SERVE | FS_CLI_CHECK | FS_CLI_DOCTOR)
#define CLIENT_COMMANDS (FS_CLI_STOCK | FS_CLI_HEALTH)

/* Numbers of long options for getopt; the short ones are letters. */
enum option_id {
    ID_CONFIG = 'c',
    ID_HELP = 'h',
    ID_STRATEGY = 256,
    ID_LISTEN,
    ID_ADMIN,
    ID_REDIS,
    ID_WORKERS,
    ID_DATA_DIR,
    ID_LOG_LEVEL,
    ID_LOG_FORMAT,
    ID_SET,
    ID_PROBE,
    ID_JSON,
    ID_TOKEN_FILE,
    ID_RESET,
    ID_FORCE,
    ID_KEY,
    ID_OPERATOR,
    ID_STRATEGY_DIR
};

struct option_spec {
    int id;
    unsigned commands; /* bits of those that take it */
    const char *name;
    const char *value; /* what it is called in the help; NULL: takes none */
    const char *key;   /* of the configuration; NULL: not one */
    const char *help;
};

static const struct option_spec specs[] = {
    {ID_CONFIG, SERVER_COMMANDS | CLIENT_COMMANDS, "config", "FILE", NULL,
     "YAML file (else $FLASHSALE_CONFIG, ./flashsale.yaml, /etc/flashsale/flashsale.yaml)"},
    {ID_STRATEGY, SERVER_COMMANDS, "strategy", "NAME|PATH.so", "strategy",
     "how purchases are decided: v1 to v4, or a shared object"},
    {ID_LISTEN, SERVER_COMMANDS, "listen", "A:P", "listen",
     "address of the shop, 127.0.0.1:8000; may be repeated"},
    {ID_ADMIN, SERVER_COMMANDS | CLIENT_COMMANDS, "admin", "A:P|unix:PATH", "admin.listen",
     "address of the admin listener, 127.0.0.1:8001"},
    {ID_REDIS, SERVER_COMMANDS, "redis", "URL", "redis.urls", "a Redis server; may be repeated"},
    {ID_WORKERS, SERVER_COMMANDS, "workers", "N", "workers",
     "event loops; without it one for each CPU"},
    {ID_DATA_DIR, SERVER_COMMANDS | CLIENT_COMMANDS, "data-dir", "DIR", "data_dir",
     "where orders, keys and the admin token are kept"},
    {ID_LOG_LEVEL, SERVER_COMMANDS, "log-level", "LEVEL", "log.level",
     "debug, info, warning or error"},
    {ID_LOG_FORMAT, SERVER_COMMANDS, "log-format", "FORMAT", "log.format", "text or json"},
    {ID_SET, SERVER_COMMANDS | CLIENT_COMMANDS, "set", "KEY=VALUE", NULL,
     "set any key of the configuration; may be repeated"},
    {ID_PROBE, FS_CLI_CHECK, "probe", NULL, NULL,
     "also try strategy, folders, certificate and addresses"},
    {ID_STRATEGY_DIR, FS_CLI_STRATEGIES, "dir", "DIR", NULL, "look into this folder"},
    {ID_TOKEN_FILE, FS_CLI_STOCK, "token-file", "FILE", NULL,
     "holds the admin token (else $FLASHSALE_ADMIN_TOKEN, else the data folder's)"},
    {ID_RESET, FS_CLI_STOCK, "reset", NULL, NULL,
     "with set: a sale that is there starts anew and forgets what was sold"},
    {ID_FORCE, FS_CLI_STOCK, "force", NULL, NULL, "with delete: also a sale that is not closed"},
    {ID_KEY, FS_CLI_STOCK, "key", "KEY", NULL,
     "name of a change: with the same key it is made once, however often it is sent"},
    {ID_OPERATOR, FS_CLI_STOCK, "operator", "NAME", NULL,
     "who changes it, for the audit log (else $FLASHSALE_OPERATOR, else $USER)"},
    {ID_JSON, FS_CLI_STRATEGIES | FS_CLI_STOCK | FS_CLI_DOCTOR | FS_CLI_VERSION, "json", NULL, NULL,
     "answer as JSON"},
    {ID_HELP, ~0u, "help", NULL, NULL, "say what there is to say about this command"},
};

#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

__attribute__((format(printf, 2, 0))) static void say(const struct fs_cli_io *io,
                                                      const char *format, va_list args)
{
    fputs("flashsale: ", io->err);
    vfprintf(io->err, format, args);
    fputc('\n', io->err);
}

int fs_cli_usage(const struct fs_cli_io *io, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(io, format, args);
    va_end(args);
    fputs("'flashsale help' lists the commands and their options.\n", io->err);
    return FS_CLI_USAGE;
}

int fs_cli_fail(const struct fs_cli_io *io, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(io, format, args);
    va_end(args);
    return FS_CLI_FAILED;
}

/* NULL: not set; "": set to nothing. */
static const char *variable(const struct fs_cli_io *io, const char *name)
{
    size_t len = strlen(name);

    for (char *const *entry = io->environment; entry && *entry; entry++)
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
            return *entry + len + 1;
    return NULL;
}

const char *fs_cli_variable(const struct fs_cli_io *io, const char *name)
{
    const char *value = variable(io, name);

    return value && *value ? value : NULL;
}

static const struct option_spec *find_spec(int id)
{
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if (specs[i].id == id)
            return &specs[i];
    return NULL;
}

/* Fills options for getopt_long with those of the command; has room for all and the end. */
static void choose(unsigned command, struct option chosen[SPEC_COUNT + 1])
{
    size_t used = 0;

    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].commands & command) != 0)
            chosen[used++] = (struct option){
                specs[i].name, specs[i].value ? required_argument : no_argument, NULL, specs[i].id};
    chosen[used] = (struct option){0};
}

static int refuse_unknown(const struct fs_cli_io *io, const char *typed, unsigned command)
{
    const char *words[SPEC_COUNT];
    const char *nearest;
    char name[64];
    size_t count = 0;

    if (strncmp(typed, "--", 2) != 0)
        return fs_cli_usage(io, "there is no option %s", typed);
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(typed + 2, "="), typed + 2);
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].commands & command) != 0)
            words[count++] = specs[i].name;
    nearest = fs_cli_suggest(name, words, count);
    if (nearest)
        return fs_cli_usage(io, "there is no option --%s; did you mean --%s?", name, nearest);
    return fs_cli_usage(io, "there is no option --%s here", name);
}

static int apply_set(struct fs_settings *settings, const char *pair, const struct fs_cli_io *io)
{
    const char *equals = strchr(pair, '=');
    struct fs_error error;
    char key[128];

    if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof(key))
        return fs_cli_usage(io, "--set takes KEY=VALUE, such as --set purchase.deadline=500ms");
    memcpy(key, pair, (size_t)(equals - pair));
    key[equals - pair] = '\0';
    if (fs_settings_set_from(settings, key, equals + 1, "--set", &error) != 0)
        return fs_cli_usage(io, "%s", error.text);
    return 0;
}

static int apply_file(struct fs_settings *settings, const char *path, const struct fs_cli_io *io)
{
    struct fs_error error;

    if (fs_settings_load_file(settings, path, &error) != 0)
        return fs_cli_usage(io, "%s", error.text);
    return 0;
}

static int apply_key(struct fs_settings *settings, const struct option_spec *spec,
                     const char *value, const struct fs_cli_io *io)
{
    struct fs_error error;
    char origin[32];

    /* In the file 0 means one for each CPU; who types a number means that number. */
    if (spec->id == ID_WORKERS && value[0] != '\0' && value[strspn(value, "0")] == '\0')
        return fs_cli_usage(io,
                            "--workers must be 1 or more; without it there is one for each CPU");
    snprintf(origin, sizeof(origin), "--%s", spec->name);
    if (fs_settings_set_from(settings, spec->key, value, origin, &error) != 0)
        return fs_cli_usage(io, "%s", error.text);
    return 0;
}

static int apply(struct fs_cli_options *options, const struct option_spec *spec, const char *value,
                 unsigned command, const struct fs_cli_io *io)
{
    switch (spec->id) {
    case ID_CONFIG:
        return 0; /* was read before */
    case ID_SET:
        return apply_set(options->settings, value, io);
    case ID_ADMIN:
        options->admin = value;
        /* A client may name what a server could not listen on. */
        return (command & SERVER_COMMANDS) != 0 ? apply_key(options->settings, spec, value, io) : 0;
    case ID_PROBE:
        options->is_probe = true;
        return 0;
    case ID_JSON:
        options->is_json = true;
        return 0;
    case ID_RESET:
        options->is_reset = true;
        return 0;
    case ID_FORCE:
        options->is_forced = true;
        return 0;
    case ID_KEY:
        options->key = value;
        return 0;
    case ID_OPERATOR:
        options->operator_name = value;
        return 0;
    case ID_HELP:
        options->is_help = true;
        return 0;
    case ID_TOKEN_FILE:
        options->token_file = value;
        return 0;
    case ID_STRATEGY_DIR:
        options->strategy_dir = value;
        return 0;
    default:
        return apply_key(options->settings, spec, value, io);
    }
}

/* Variables of the command line and of its bench, no keys of the configuration. */
static bool is_our_variable(const char *entry)
{
    static const char *const ours[] = {
        "FLASHSALE_CONFIG=", "FLASHSALE_ADMIN_TOKEN=", "FLASHSALE_PYTHON=", "FLASHSALE_SCENARIOS="};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strncmp(entry, ours[i], strlen(ours[i])) == 0)
            return true;
    return false;
}

static int load_environment(struct fs_settings *settings, const struct fs_cli_io *io)
{
    struct fs_error error;
    char **kept;
    size_t count = 0;
    size_t used = 0;
    int rc;

    while (io->environment && io->environment[count])
        count++;
    kept = calloc(count + 1, sizeof(*kept));
    if (!kept)
        return fs_cli_fail(io, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (!is_our_variable(io->environment[i]))
            kept[used++] = io->environment[i];
    rc = fs_settings_load_environment(settings, kept, &error);
    free(kept);
    return rc == 0 ? 0 : fs_cli_usage(io, "%s", error.text);
}

/* The first of the usual places where there is a file, readable or not; NULL: none. */
static const char *usual_file(void)
{
    static const char *const places[] = {"./flashsale.yaml", "/etc/flashsale/flashsale.yaml"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], F_OK) == 0 || errno == EACCES)
            return places[i];
    return NULL;
}

/* given: by flag or variable; NULL: neither; "": no file at all. */
static int read_config(struct fs_settings *settings, const char *given, const struct fs_cli_io *io)
{
    const char *path = given ? given : usual_file();

    return path && *path ? apply_file(settings, path, io) : 0;
}

/* getopt's own state begins anew with optind 0. */
static int next_option(int argc, char **argv, const struct option *chosen)
{
    return getopt_long(argc, argv, ":c:h", chosen, NULL);
}

static int read_all(int argc, char **argv, unsigned command, const struct fs_cli_io *io,
                    struct fs_cli_options *options)
{
    struct option chosen[SPEC_COUNT + 1];
    const char *config = variable(io, "FLASHSALE_CONFIG");
    int id;
    int rc = 0;

    choose(command, chosen);
    opterr = 0;
    optind = 0;
    while (rc == 0 && (id = next_option(argc, argv, chosen)) != -1) {
        if (id == ':')
            return fs_cli_usage(io, "%s needs a value", argv[optind - 1]);
        if (id == '?')
            return refuse_unknown(io, argv[optind - 1], command);
        if (id == ID_CONFIG)
            config = optarg;
        rc = apply(options, find_spec(id), optarg, command, io);
    }
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    if (rc == 0 && !options->is_help && (command & (SERVER_COMMANDS | CLIENT_COMMANDS)) != 0)
        rc = read_config(options->settings, config, io);
    return rc;
}

int fs_cli_options_read(int argc, char **argv, unsigned command, const struct fs_cli_io *io,
                        struct fs_cli_options *options)
{
    int rc;

    memset(options, 0, sizeof(*options));
    if (fs_settings_create(&options->settings) != 0)
        return fs_cli_fail(io, "out of memory");
    rc = (command & (SERVER_COMMANDS | CLIENT_COMMANDS)) != 0
             ? load_environment(options->settings, io)
             : 0;
    if (rc == 0)
        rc = read_all(argc, argv, command, io, options);
    if (rc != 0)
        fs_cli_options_dispose(options);
    return rc;
}

void fs_cli_options_dispose(struct fs_cli_options *options)
{
    fs_settings_destroy(options->settings);
    options->settings = NULL;
}

void fs_cli_options_print(FILE *out, unsigned command)
{
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        char name[64];

        if ((specs[i].commands & command) == 0)
            continue;
        snprintf(name, sizeof(name), "--%s%s%s", specs[i].name, specs[i].value ? " " : "",
                 specs[i].value ? specs[i].value : "");
        if (specs[i].id < 256)
            fprintf(out, "  -%c, %-25s %s\n", specs[i].id, name, specs[i].help);
        else
            fprintf(out, "      %-25s %s\n", name, specs[i].help);
    }
}
