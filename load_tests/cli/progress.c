/* Draws over its own last lines, and only those. */
#include "cli/progress.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const phases[] = {
    [FS_CELL_START] = "start", [FS_CELL_LOG_IN] = "log in, connect", [FS_CELL_LOAD] = "load",
    [FS_CELL_AUDIT] = "audit", [FS_CELL_STOP] = "stop the server",
};

void fs_progress_init(struct fs_progress *progress, FILE *out, bool is_silent)
{
    *progress = (struct fs_progress){.out = out,
                                     .is_terminal = isatty(fileno(out)) != 0,
                                     .is_silent = is_silent,
                                     .started_us = fs_clock_now_us()};
}

static void rub_out(struct fs_progress *progress)
{
    if (progress->line_count > 0)
        fprintf(progress->out, "\033[%uA\033[J", progress->line_count);
    progress->line_count = 0;
}

void fs_progress_end(struct fs_progress *progress)
{
    rub_out(progress);
    fflush(progress->out);
}

/* "63 %" or "-" */
static const char *show_percent(double percent, char text[16])
{
    if (isnan(percent))
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.0f %%", percent);
    return text;
}

static const char *show_rate(double rate, char text[24])
{
    if (isnan(rate))
        snprintf(text, 24, "-");
    else
        snprintf(text, 24, "%.0f/s", rate);
    return text;
}

static const char *show_ms(double ms, char text[24])
{
    if (isnan(ms))
        snprintf(text, 24, "-");
    else
        snprintf(text, 24, "%.2f ms", ms);
    return text;
}

static uint64_t refused(const struct fs_load_progress *load)
{
    return load->answers[FS_ANSWER_SOLD_OUT] + load->answers[FS_ANSWER_LIMIT] +
           load->answers[FS_ANSWER_BUSY];
}

static void title(const struct fs_run_view *view, char text[512])
{
    const struct fs_record *record = view->record;
    char subject[256];

    snprintf(text, 512, "%s  %s  rep %" PRIu32 "  (%" PRIu32 " of %" PRIu32 ")",
             fs_subject_title(record->subject, subject), record->scenario->name, record->rep,
             record->order, view->cell_count);
}

static const char *stage_of(const struct fs_run_view *view)
{
    const struct fs_scenario *scenario = view->record->scenario;

    return view->load && view->load->stage < scenario->stage_count
               ? scenario->stages[view->load->stage].name
               : "";
}

static void draw_load(struct fs_progress *progress, const struct fs_run_view *view)
{
    const struct fs_load_progress *load = view->load;
    char rates[2][24];
    char percents[3][16];

    fprintf(progress->out,
            "  offered %-11s answered %-11s in flight %-6" PRIu64 " users %" PRIu64 "\n"
            "  p50 %.2f ms  p99 %.2f ms  sold %" PRIu64 "  refused %" PRIu64 "  errors %" PRIu64
            "\n  CPU: server %s  Redis %s  generator %s\n",
            show_rate(view->offered_per_s, rates[0]), show_rate(view->answered_per_s, rates[1]),
            load->in_flight, load->users, (double)load->latency_p50_us / 1e3,
            (double)load->latency_p99_us / 1e3, load->sold, refused(load), load->errors,
            show_percent(view->cpu.server, percents[0]), show_percent(view->cpu.redis, percents[1]),
            show_percent(view->cpu.generator, percents[2]));
    progress->line_count += 3;
}

static void draw(struct fs_progress *progress, const struct fs_run_view *view)
{
    uint64_t elapsed_s = (fs_clock_now_us() - progress->started_us) / 1000000;
    char text[512];

    rub_out(progress);
    title(view, text);
    fprintf(progress->out, "%s  %s %s  %" PRIu64 ":%02" PRIu64 "\n", text, phases[view->phase],
            stage_of(view), elapsed_s / 60, elapsed_s % 60);
    progress->line_count++;
    if (view->load)
        draw_load(progress, view);
}

static void print_line(const struct fs_progress *progress, const struct fs_run_view *view)
{
    const struct fs_load_progress *load = view->load;
    char rates[2][24];
    char percents[3][16];
    char text[512];

    if (!load)
        return;
    title(view, text);
    if (isnan(view->offered_per_s)) {
        fprintf(progress->out, "%s: the load starts\n", text);
        return;
    }
    fprintf(progress->out,
            "%s: %s %.0f s: offered %s, answered %s, in flight %" PRIu64
            ", p50 %.2f ms, p99 %.2f ms, sold %" PRIu64 ", refused %" PRIu64 ", errors %" PRIu64
            ", CPU server %s, Redis %s, generator %s\n",
            text, stage_of(view), (double)load->elapsed_us / 1e6,
            show_rate(view->offered_per_s, rates[0]), show_rate(view->answered_per_s, rates[1]),
            load->in_flight, (double)load->latency_p50_us / 1e3, (double)load->latency_p99_us / 1e3,
            load->sold, refused(load), load->errors, show_percent(view->cpu.server, percents[0]),
            show_percent(view->cpu.redis, percents[1]),
            show_percent(view->cpu.generator, percents[2]));
}

void fs_progress_view(void *data, const struct fs_run_view *view)
{
    struct fs_progress *progress = data;

    if (progress->is_silent)
        return;
    if (progress->is_terminal)
        draw(progress, view);
    else
        print_line(progress, view);
    fflush(progress->out);
}

static const char *accuracy_of(const struct fs_record *record, char text[64])
{
    if (!record->is_audited)
        snprintf(text, 64, "not audited");
    else if (record->audit.violations_total == 0)
        snprintf(text, 64, fs_record_is_proven(record) ? "accurate" : "answers agree, no ledger");
    else
        snprintf(text, 64, "%" PRIu64 " VIOLATIONS", record->audit.violations_total);
    return text;
}

static double errors_of(const double *values)
{
    return values[FS_FIGURE_UNEXPECTED_4XX] + values[FS_FIGURE_HTTP_5XX] +
           values[FS_FIGURE_UNAVAILABLE] + values[FS_FIGURE_UNDETERMINED] +
           values[FS_FIGURE_TIMEOUT] + values[FS_FIGURE_TRANSPORT];
}

void fs_progress_cell_end(void *data, const struct fs_record *record)
{
    struct fs_progress *progress = data;
    const double *values = record->values;
    char subject[256];
    char accuracy[64];
    char cells[4][24];

    if (progress->is_silent)
        return;
    rub_out(progress);
    fprintf(progress->out, "%s  %s  rep %" PRIu32 ": ", fs_subject_title(record->subject, subject),
            record->scenario->name, record->rep);
    if (!record->was_run)
        fprintf(progress->out, "FAILED: %s\n", record->failure);
    else
        fprintf(progress->out, "%s sold, %s answered, p50 %s, p99 %s, %.0f errors, %s%s%s\n",
                show_rate(values[FS_FIGURE_TPS_SOLD], cells[0]),
                show_rate(values[FS_FIGURE_ANSWERED_RATE], cells[1]),
                show_ms(values[FS_FIGURE_LATENCY_P50], cells[2]),
                show_ms(values[FS_FIGURE_LATENCY_P99], cells[3]), errors_of(values),
                accuracy_of(record, accuracy), record->invalid[0] != '\0' ? ", INVALID: " : "",
                record->invalid);
    fflush(progress->out);
}

void fs_progress_note(void *data, const char *text)
{
    struct fs_progress *progress = data;

    rub_out(progress);
    fprintf(progress->out, "flashsale bench: %s\n", text);
    fflush(progress->out);
}
