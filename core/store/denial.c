/* A missing permission is mended by an operator: the log names it, once for a while. */
#include "store/denial.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LOG_AGAIN_US 10000000u

void fs_denial_note(struct fs_denial *denial, struct fs_metrics *metrics, struct fs_log *log,
                    unsigned node, const char *name, struct fs_text error)
{
    uint64_t now_us = fs_clock_now_us();
    char text[FS_DENIAL_SIZE];

    snprintf(text, sizeof(text), "redis %u (%s): %.*s", node, name,
             (int)(error.len < sizeof(text) ? error.len : sizeof(text)), error.data);
    fs_counter_add(&metrics->store_denied, 1);
    if (denial->logged_us == 0 || now_us - denial->logged_us > LOG_AGAIN_US ||
        strcmp(text, denial->text) != 0) {
        fs_log_error(
            log, "store",
            "%s; give the user of this Redis the permission (docs/redis.md), it is used at "
            "once",
            text);
        denial->logged_us = now_us;
        memcpy(denial->text, text, sizeof(text));
    }
}
