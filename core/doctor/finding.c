/* Puts a finding into words, and figures into one. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor/doctor.h"

#define FOUND_SIZE 512

void fs_doctor_tell(const struct fs_doctor *doctor, enum fs_finding_verdict verdict,
                    const char *topic, const char *check, const char *remedy, const char *format,
                    ...)
{
    struct fs_finding finding = {
        .verdict = verdict, .topic = topic, .check = check, .remedy = remedy};
    char found[FOUND_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(found, sizeof(found), format, args);
    va_end(args);
    finding.found = found;
    doctor->each(doctor->data, &finding);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

uint64_t fs_doctor_median(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}
