/* Any bytes as a scenario file: accepted within the documented limits, or refused with one clean line. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scenario/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refused(int rc, const char *error)
{
    size_t len = strnlen(error, FS_SCENARIO_ERROR_SIZE);

    assert(rc == -EINVAL);
    assert(len > 0 && len < FS_SCENARIO_ERROR_SIZE);
    for (size_t i = 0; i < len; i++)
        assert((unsigned char)error[i] >= 0x20 && error[i] != 0x7f);
}

static void check_accepted(const struct fs_scenario *scenario)
{
    uint64_t duration_us = fs_scenario_duration_us(scenario);
    size_t stage;

    assert(scenario->stage_count <= FS_SCENARIO_STAGES_MAX);
    assert(scenario->product_count <= FS_SCENARIO_PRODUCTS_MAX);
    assert(scenario->threshold_count <= FS_SCENARIO_THRESHOLDS_MAX);
    assert(scenario->users >= 1 && scenario->users <= FS_SCENARIO_USERS_MAX);
    assert(scenario->connections_max >= 1 &&
           scenario->connections_max <= FS_SCENARIO_CONNECTIONS_MAX);
    assert(scenario->quantity_min >= 1 && scenario->quantity_min <= scenario->quantity_max);
    assert(scenario->think_us_min <= scenario->think_us_max);
    assert(memchr(scenario->name, 0, sizeof(scenario->name)));
    assert(memchr(scenario->description, 0, sizeof(scenario->description)));
    for (unsigned i = 0; i <= 16; i++) {
        double target = fs_scenario_target(scenario, duration_us / 16 * i, &stage);
        assert(isfinite(target) && target >= 0 && stage <= FS_SCENARIO_STAGES_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fs_scenario scenario;
    char error[FS_SCENARIO_ERROR_SIZE] = "", path[64];
    int fd = memfd_create("scenario", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    for (int profile = FS_PROFILE_SMOKE; profile <= FS_PROFILE_FULL; profile++) {
        int rc = fs_scenario_read(&scenario, path, (enum fs_profile)profile, error);
        if (rc == 0)
            check_accepted(&scenario);
        else
            check_refused(rc, error);
    }
    close(fd);
    return 0;
}
