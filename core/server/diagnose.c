/* flashsale doctor, for whoever embeds the library. */
#include <string.h>

#include "doctor/doctor.h"
#include "server/settings.h"

static void tell_versions(const struct fs_doctor *doctor)
{
    fs_doctor_tell(doctor, FS_FINDING_OK, "server", "versions", NULL, "%s", fs_version_json());
}

/* What check-config --probe finds, which is what a start would. */
static void tell_rehearsal(void *data, const char *what, const char *detail, const char *problem)
{
    const struct fs_doctor *doctor = data;

    if (problem && strstr(problem, "in use"))
        fs_doctor_tell(doctor, FS_FINDING_WARNING, "start", what,
                       "Unless it is the running server's own, choose another address.", "%s",
                       problem);
    else if (problem)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, "start", what, "A start would fail.", "%s",
                       problem);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, "start", what, NULL, "%s", detail);
}

int fs_settings_diagnose(const struct fs_settings *settings,
                         void (*each)(void *data, const struct fs_finding *finding), void *data,
                         struct fs_error *error)
{
    struct fs_doctor doctor = {.root = "", .each = each, .data = data};
    struct fs_config *config;
    int rc = fs_settings_finish(settings, &config, error);

    if (rc != 0)
        return rc;
    doctor.config = config;
    tell_versions(&doctor);
    fs_doctor_settings(&doctor);
    fs_doctor_machine(&doctor);
    fs_doctor_network(&doctor);
    fs_doctor_folder(&doctor);
    fs_doctor_redis(&doctor);
    (void)fs_settings_probe(settings, tell_rehearsal, &doctor, error); /* told one by one */
    fs_config_destroy(config);
    return 0;
}
