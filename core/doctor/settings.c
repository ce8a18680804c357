/* The settings: what is allowed and yet slow or unsafe. */
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "doctor/doctor.h"

#define TOPIC "server"

static void check_logs(const struct fs_doctor *doctor)
{
    const struct fs_config *config = doctor->config;

    if (config->log_level == FS_LOG_DEBUG)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "log level",
                       "Set log.level to info or warning.", "debug");
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "log level", NULL,
                       "nothing is logged on the way of a purchase");
    if (strcmp(config->http_access_log, "off") != 0)
        fs_doctor_tell(
            doctor, FS_FINDING_WARNING, TOPIC, "access log",
            "A line is formatted for each request: set http.access_log to off during a rush.", "%s",
            config->http_access_log);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "access log", NULL, "off");
}

static void check_workers(const struct fs_doctor *doctor)
{
    uint32_t workers = doctor->config->workers;
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;

    if (workers > (uint32_t)count)
        fs_doctor_tell(
            doctor, FS_FINDING_WARNING, TOPIC, "workers",
            "Loops that share a processor wait for each other, and make smaller batches: "
            "leave workers out, for one a processor.",
            "%" PRIu32 " on %d processors", workers, count);
    else if (workers == 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "workers", NULL, "%d, one a processor", count);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "workers", NULL,
                       "%" PRIu32 " on %d processors", workers, count);
}

static void check_log_ins(const struct fs_doctor *doctor)
{
    const struct fs_config *config = doctor->config;

    if (config->auth_mode == FS_AUTH_DEMO && config->auth_demo_anywhere)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "log-ins",
                       "Anybody may buy as anybody: set auth.mode to users or jwt.",
                       "demo, on addresses that other machines reach");
    else if (config->auth_mode == FS_AUTH_DEMO)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "log-ins",
                       "For a real sale set auth.mode to users or jwt.", "demo");
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "log-ins", NULL, "%s",
                       config->auth_mode == FS_AUTH_USERS ? "a file of users"
                                                          : "an identity provider");
}

static void check_address_limit(const struct fs_doctor *doctor)
{
    if (doctor->config->http_connections_per_address_max == 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "connections of one address", NULL,
                       "no limit: right behind a proxy, and for a load test");
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "connections of one address", NULL,
                       "%" PRIu32 ": a load test comes from one address",
                       doctor->config->http_connections_per_address_max);
}

void fs_doctor_settings(const struct fs_doctor *doctor)
{
    check_logs(doctor);
    check_workers(doctor);
    check_log_ins(doctor);
    check_address_limit(doctor);
}
