/* Puts a finding into words. */
#include <stdarg.h>
#include <stdio.h>

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
