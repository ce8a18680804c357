/* flashsale doctor: tells what was found, and in the end how much of it is wrong. */
#include "cli/commands.h"

#include <jansson.h>

struct report {
    FILE *out;
    json_t *rows; /* NULL: as lines */
    int problems;
    int warnings;
};

static const char *verdict_name(enum fs_finding_verdict verdict)
{
    switch (verdict) {
    case FS_FINDING_OK:
        return "ok";
    case FS_FINDING_WARNING:
        return "warning";
    case FS_FINDING_PROBLEM:
        return "problem";
    case FS_FINDING_UNKNOWN:
        break;
    }
    return "unknown";
}

static void take(void *data, const struct fs_finding *finding)
{
    struct report *report = data;

    report->problems += finding->verdict == FS_FINDING_PROBLEM;
    report->warnings += finding->verdict == FS_FINDING_WARNING;
    if (report->rows) {
        json_array_append_new(report->rows,
                              json_pack("{s:s, s:s, s:s, s:s, s:s?}", "verdict",
                                        verdict_name(finding->verdict), "topic", finding->topic,
                                        "check", finding->check, "found", finding->found, "remedy",
                                        finding->remedy));
        return;
    }
    fprintf(report->out, "%-8s %-8s %-32s %s\n", verdict_name(finding->verdict), finding->topic,
            finding->check, finding->found);
    if (finding->remedy)
        fprintf(report->out, "%18s%s\n", "", finding->remedy);
}

int fs_cli_doctor(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    struct report report = {.out = io->out, .rows = options->is_json ? json_array() : NULL};
    struct fs_error error;
    int rc = fs_settings_diagnose(options->settings, take, &report, &error);

    if (rc != 0) {
        json_decref(report.rows);
        return fs_cli_usage(io, "%s", error.text);
    }
    if (report.rows) {
        json_dumpf(report.rows, io->out, JSON_INDENT(2));
        fputc('\n', io->out);
        json_decref(report.rows);
    } else {
        fprintf(io->out, "\n%d problems, %d warnings\n", report.problems, report.warnings);
    }
    return report.problems > 0 ? FS_CLI_FAILED : FS_CLI_FINE;
}
