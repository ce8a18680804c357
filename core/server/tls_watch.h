/* Renews the certificate when its files change on disk. */
#ifndef FS_SERVER_TLS_WATCH_H
#define FS_SERVER_TLS_WATCH_H

struct fs_server;
struct fs_tls_watch;

/* Watches the folders of certificate and key by inotify, and looks at the files once a minute besides;
 * what changed, and can be used, is what new connections get.  Files that do not fit together yet change
 * nothing and are looked at again.  Returns 0, -ENOMEM, -EMFILE or -EAGAIN.  [main] */
int fs_tls_watch_start(struct fs_server *server, struct fs_tls_watch **watch);

/* NULL: does nothing.  Before any loop ends.  [main] */
void fs_tls_watch_stop(struct fs_tls_watch *watch);

#endif
