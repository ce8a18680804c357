/* What systemd is told of a service of Type=notify.  Source: sd_notify(3), sd_watchdog_enabled(3). */
#ifndef FS_CLI_NOTIFY_H
#define FS_CLI_NOTIFY_H

#include <stdint.h>

/* Sends a state such as "READY=1" to the socket that $NOTIFY_SOCKET names; does nothing without one.
 * Never waits. */
void fs_cli_notify(const char *state);

/* "RELOADING=1" with the time that systemd wants beside it. */
void fs_cli_notify_reloading(void);

/* Microseconds within which systemd wants to hear "WATCHDOG=1"; 0: never. */
uint64_t fs_cli_watchdog_us(void);

#endif
