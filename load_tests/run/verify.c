/* Joins what the clients saw with what the server says. */
#include "run/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/gather.h"

static void set_figures(struct fs_record *record)
{
    const struct fs_audit_report *audit = &record->audit;

    if (audit->violations_total > 0 || audit->ledgers_unread == 0)
        record->values[FS_FIGURE_ACCURACY_OK] = audit->violations_total == 0;
    record->values[FS_FIGURE_VIOLATIONS] = (double)audit->violations_total;
    if (audit->ledgers_unread == 0)
        record->values[FS_FIGURE_LEFT] = (double)audit->left;
}

static void make_note(const struct fs_gathered *gathered, const struct fs_audit_report *audit,
                      char *note)
{
    snprintf(note, FS_RUN_ERROR_SIZE, "%s%s%s", gathered->problem,
             gathered->problem[0] != '\0' && audit->note[0] != '\0' ? "; " : "", audit->note);
}

int fs_verify(const struct fs_bench_server *server, const struct fs_load_result *load,
              const struct fs_prom_page *before, const struct fs_prom_page *after,
              struct fs_record *record, char note[FS_RUN_ERROR_SIZE])
{
    const struct fs_gather_options options = {
        .scenario = record->scenario,
        .target = &server->target,
        .history = &load->history,
        .run = load->run,
    };
    struct fs_metrics_delta delta;
    struct fs_gathered *gathered = NULL;
    struct fs_audit_input input = {.scenario = record->scenario, .history = &load->history};
    int rc;

    note[0] = '\0';
    gathered = calloc(1, sizeof(*gathered));
    rc = gathered ? fs_gather(&options, gathered) : -ENOMEM;
    if (rc == 0) {
        fs_measure_metrics(before, after, &delta);
        input.ledgers = gathered->ledgers;
        input.metrics = &delta;
        input.resolved = gathered->resolved;
        input.resolved_count = gathered->resolved_count;
        input.stock_unknown = server->target.admin_token[0] == '\0';
        rc = fs_audit_run(&input, &record->audit);
        make_note(gathered, &record->audit, note);
        if (!input.stock_unknown && record->audit.ledgers_unread > 0)
            snprintf(record->unproven, sizeof(record->unproven), "%.250s", note);
        fs_gathered_dispose(gathered);
    }
    free(gathered);
    record->is_audited = rc == 0;
    if (rc == 0)
        set_figures(record);
    else
        snprintf(note, FS_RUN_ERROR_SIZE, "not audited: out of memory");
    return rc;
}
