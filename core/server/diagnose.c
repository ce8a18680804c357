/* flashsale doctor, for whoever embeds the library. */
#include "doctor/doctor.h"
#include "server/settings.h"

static void tell_versions(const struct fs_doctor *doctor)
{
    fs_doctor_tell(doctor, FS_FINDING_OK, "server", "versions", NULL, "%s", fs_version_json());
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
    fs_config_destroy(config);
    return 0;
}
