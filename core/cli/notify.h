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

struct fs_settings;
struct fs_error;

/* Listens on the sockets that systemd passes (LISTEN_FDS): one named "admin" is admin.listen, the others
 * are listen.  Returns 0, or as fs_settings_set().  Source: sd_listen_fds(3). */
int fs_cli_take_sockets(struct fs_settings *settings, struct fs_error *error);

#endif
