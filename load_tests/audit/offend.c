/* The report: counts of each kind, and the first offenders in words. */
#include "audit/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fs_violation_kind_name(enum fs_violation_kind kind)
{
    static const char *const names[FS_VIOLATION_KINDS] = {
        [FS_VIOLATION_OVERSOLD] = "oversold",
        [FS_VIOLATION_UNDERSOLD] = "undersold",
        [FS_VIOLATION_FALSE_REFUSAL] = "false_refusal",
        [FS_VIOLATION_DUPLICATE_ORDER] = "duplicate_order",
        [FS_VIOLATION_LOST_ORDER] = "lost_order",
        [FS_VIOLATION_UNASKED_ORDER] = "unasked_order",
        [FS_VIOLATION_LIMIT] = "limit",
        [FS_VIOLATION_CONSERVATION] = "conservation",
        [FS_VIOLATION_METRICS] = "metrics",
        [FS_VIOLATION_REPLAY] = "replay",
        [FS_VIOLATION_FALSE_NOT_TAKEN] = "false_not_taken",
    };

    return kind > 0 && kind < FS_VIOLATION_KINDS ? names[kind] : "none";
}

void fs_offend(struct fs_audit *audit, enum fs_violation_kind kind, uint64_t count, uint64_t at_us,
               const char *format, ...)
{
    struct fs_audit_report *report = audit->report;
    size_t place = report->offender_count;
    va_list arguments;

    report->violations[kind] += count;
    report->violations_total += count;
    while (place > 0 && audit->offender_times_us[place - 1] > at_us)
        place--;
    if (place == FS_AUDIT_OFFENDERS_MAX)
        return;
    if (report->offender_count < FS_AUDIT_OFFENDERS_MAX)
        report->offender_count++;
    for (size_t i = report->offender_count - 1; i > place; i--) {
        report->offenders[i] = report->offenders[i - 1];
        audit->offender_times_us[i] = audit->offender_times_us[i - 1];
    }
    audit->offender_times_us[place] = at_us;
    report->offenders[place].kind = kind;
    va_start(arguments, format);
    vsnprintf(report->offenders[place].text, sizeof(report->offenders[place].text), format,
              arguments);
    va_end(arguments);
}

const char *fs_audit_product_name(const struct fs_audit *audit, size_t product)
{
    const struct fs_scenario *scenario = audit->input->scenario;

    return product < scenario->product_count ? scenario->products[product] : "?";
}
