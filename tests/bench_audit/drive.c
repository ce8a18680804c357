/* One run against a server that is up, and its audit, as JSON on standard output: the parts of
 * flashsale-bench without its program.
 *
 *     audit_drive SCENARIO.yaml HOST PORT ADMIN_HOST ADMIN_PORT TOKEN_FILE SEED
 *
 * The sales are there before.  With AUDIT_DRIVE_PAUSE in the environment it says "loaded" after the load
 * and waits for a line before it gathers.  Exit code: 0 fine, 98 the audit found violations, 1 it
 * failed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "audit/ask.h"
#include "audit/gather.h"

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "audit_drive: %s: %s\n", what, why);
    return 1;
}

static int read_token(const char *path, char *token, size_t size)
{
    FILE *file = fopen(path, "r");

    if (!file)
        return -1;
    if (!fgets(token, (int)size, file))
        token[0] = '\0';
    token[strcspn(token, "\r\n")] = '\0';
    return fclose(file);
}

/* The server's count of an outcome; -1: not told. */
static int64_t count_of(const char *page, const char *outcome)
{
    char wanted[64];
    const char *at;

    snprintf(wanted, sizeof(wanted), "outcome=\"%s\"} ", outcome);
    at = strstr(page, wanted);
    return at ? strtoll(at + strlen(wanted), NULL, 10) : -1;
}

static int scrape(const struct fs_target *target, struct fs_metrics_delta *counts)
{
    const struct fs_answer_text *text;
    struct fs_asker *asker;
    char problem[256] = "no page";
    long status;

    if (fs_asker_create(target->admin_host, target->admin_port, "", &asker) != 0)
        return fail("metrics", "no memory");
    status = fs_asker_get(asker, "/metrics", &text, problem, sizeof(problem));
    if (status == 200)
        *counts = (struct fs_metrics_delta){
            count_of(text->data, "sold"), count_of(text->data, "replayed"),
            count_of(text->data, "sold_out"), count_of(text->data, "limit"),
            count_of(text->data, "busy")};
    fs_asker_destroy(asker);
    return status == 200 ? 0 : fail("metrics", problem);
}

static void print(const struct fs_load_result *load, const struct fs_gathered *gathered,
                  const struct fs_audit_report *report)
{
    json_t *violations = json_object();
    json_t *offenders = json_array();
    json_t *answers = json_object();
    json_t *whole;

    for (int kind = 1; kind < FS_VIOLATION_KINDS; kind++)
        if (report->violations[kind] > 0)
            json_object_set_new(violations, fs_violation_kind_name((enum fs_violation_kind)kind),
                                json_integer((json_int_t)report->violations[kind]));
    for (size_t i = 0; i < report->offender_count; i++)
        json_array_append_new(offenders, json_string(report->offenders[i].text));
    for (int answer = 1; answer < FS_ANSWER_KINDS; answer++)
        json_object_set_new(answers, fs_answer_name((enum fs_answer)answer),
                            json_integer((json_int_t)load->totals.answers[answer]));
    whole = json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s}",
        "violations", violations, "offenders", offenders, "answers", answers, "requests",
        (json_int_t)load->history.count, "stock", (json_int_t)report->stock, "restocked",
        (json_int_t)report->restocked, "sold_acknowledged", (json_int_t)report->sold_acknowledged,
        "sold_resolved", (json_int_t)report->sold_resolved, "sold_ledger",
        (json_int_t)report->sold_ledger, "left", (json_int_t)report->left, "unknown_left",
        (json_int_t)report->unknown_left, "looked_up", (json_int_t)gathered->acknowledged, "open",
        (json_int_t)gathered->open, "unanswered", (json_int_t)gathered->unanswered, "problem",
        gathered->problem, "note", report->note, "invalid", load->invalid);
    json_dumpf(whole, stdout, JSON_INDENT(1));
    puts("");
    json_decref(whole);
}

static int judge(const struct fs_scenario *scenario, const struct fs_target *target,
                 const struct fs_load_result *load, const struct fs_metrics_delta *delta)
{
    const struct fs_gather_options options = {
        .scenario = scenario, .target = target, .history = &load->history, .run = load->run};
    struct fs_audit_input input = {
        .scenario = scenario, .history = &load->history, .metrics = delta};
    struct fs_audit_report report;
    struct fs_gathered gathered;

    if (fs_gather(&options, &gathered) != 0)
        return fail("gather", "no memory");
    input.ledgers = gathered.ledgers;
    input.resolved = gathered.resolved;
    input.resolved_count = gathered.resolved_count;
    if (fs_audit_run(&input, &report) != 0) {
        fs_gathered_dispose(&gathered);
        return fail("audit", "no memory");
    }
    print(load, &gathered, &report);
    fs_gathered_dispose(&gathered);
    return report.violations_total > 0 ? 98 : 0;
}

static void pause_if_asked(void)
{
    char line[16];

    if (!getenv("AUDIT_DRIVE_PAUSE"))
        return;
    puts("loaded");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        fputs("audit_drive: standard input has ended\n", stderr);
}

static int drive(const struct fs_scenario *scenario, const struct fs_target *target, uint64_t seed)
{
    const struct fs_load_options options = {.threads = 1, .seed = seed};
    struct fs_metrics_delta before;
    struct fs_metrics_delta after;
    struct fs_load_result load;
    char error[FS_SCENARIO_ERROR_SIZE];
    int code;

    if (scrape(target, &before) != 0)
        return 1;
    if (fs_load_run(scenario, target, &options, NULL, NULL, &load, error) != 0)
        return fail("load", error);
    code = scrape(target, &after);
    if (code == 0) {
        after.purchases_sold -= before.purchases_sold;
        after.purchases_replayed -= before.purchases_replayed;
        after.purchases_sold_out -= before.purchases_sold_out;
        after.purchases_limit -= before.purchases_limit;
        after.purchases_busy -= before.purchases_busy;
        pause_if_asked();
        code = judge(scenario, target, &load, &after);
    }
    fs_load_result_dispose(&load);
    return code;
}

int main(int argc, char **argv)
{
    static struct fs_scenario scenario;
    struct fs_target target = {.password = "password123"};
    char error[FS_SCENARIO_ERROR_SIZE];

    if (argc != 8)
        return fail("usage", "SCENARIO.yaml HOST PORT ADMIN_HOST ADMIN_PORT TOKEN_FILE SEED");
    if (fs_scenario_read(&scenario, argv[1], FS_PROFILE_CI, error) != 0)
        return fail("scenario", error);
    snprintf(target.host, sizeof(target.host), "%s", argv[2]);
    target.port = (uint16_t)strtoul(argv[3], NULL, 10);
    snprintf(target.admin_host, sizeof(target.admin_host), "%s", argv[4]);
    target.admin_port = (uint16_t)strtoul(argv[5], NULL, 10);
    if (read_token(argv[6], target.admin_token, sizeof(target.admin_token)) != 0)
        return fail(argv[6], "cannot be read");
    return drive(&scenario, &target, strtoull(argv[7], NULL, 10));
}
