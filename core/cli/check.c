/* Commands that look at what is here: check-config, strategies, version. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/commands.h"

static void print_probe(void *data, const char *what, const char *detail, const char *problem)
{
    FILE *out = data;

    fprintf(out, "%-5s %-18s %s%s%s\n", problem ? "wrong" : "fine", what, detail,
            problem && detail[0] ? ": " : "", problem ? problem : "");
}

int fs_cli_check_config(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    struct fs_error error;
    char *yaml = NULL;

    if (fs_settings_check(options->settings, &yaml, &error) != 0)
        return fs_cli_usage(io, "%s", error.text);
    if (!options->is_probe)
        fputs(yaml, io->out);
    free(yaml);
    if (options->is_probe &&
        fs_settings_probe(options->settings, print_probe, io->out, &error) != 0)
        return fs_cli_fail(io, "%s", error.text);
    fputs(options->is_probe ? "ok: a start would find all that it needs\n"
                            : "# ok: no mistakes; --probe also tries what a start needs\n",
          io->out);
    return FS_CLI_FINE;
}

struct listing {
    FILE *out;    /* as lines */
    json_t *rows; /* as JSON */
};

static void list_line(void *data, const char *name, const char *path, const char *summary,
                      const char *problem)
{
    struct listing *listing = data;

    if (summary)
        fprintf(listing->out, "%-10s %s\n           %s\n", name, summary, path);
    else
        fprintf(listing->out, "%-10s cannot be loaded: %s\n", name, problem);
}

static void list_row(void *data, const char *name, const char *path, const char *summary,
                     const char *problem)
{
    struct listing *listing = data;

    json_array_append_new(listing->rows, json_pack("{s:s, s:s, s:s*, s:s*}", "name", name, "path",
                                                   path, "summary", summary, "problem", problem));
}

int fs_cli_strategies(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    struct listing listing = {.out = io->out};
    int rc;

    if (!options->is_json) {
        rc = fs_strategies_each(options->strategy_dir, list_line, &listing);
    } else {
        listing.rows = json_array();
        rc = fs_strategies_each(options->strategy_dir, list_row, &listing);
        json_dumpf(listing.rows, io->out, JSON_INDENT(2));
        fputc('\n', io->out);
        json_decref(listing.rows);
    }
    if (rc < 0)
        return fs_cli_fail(io, "the folder of the strategies: %s", strerror(-rc));
    return FS_CLI_FINE;
}

int fs_cli_version(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    if (options->is_json)
        fprintf(io->out, "%s\n", fs_version_json());
    else
        fprintf(io->out, "flashsale %s\n", fs_version());
    return FS_CLI_FINE;
}
