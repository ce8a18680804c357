/* The parts of a server in the order in which a start opens them.  A start, a stop, check-config --probe
 * and the doctor walk this one table, so none of them can find well what another refuses. */
#ifndef FS_SERVER_PARTS_H
#define FS_SERVER_PARTS_H

#include "server/server.h"

struct fs_part {
    const char *name; /* for people */
    int (*open)(struct fs_server *server, struct fs_error *error);
    void (*close)(struct fs_server *server); /* NULL: the part of the same stage before it does */
    enum fs_server_stage reached;            /* when it is open */
    enum fs_server_stage
        needed;        /* of a rehearsal: the part that must be open besides the configuration */
    bool names_files;  /* what is missing is the configuration's fault */
    bool is_rehearsed; /* it serves nobody and changes nothing outside of the data folder */
};

enum { FS_PART_CONFIGURATION = 0, FS_PART_DATA_FOLDER = 2 }; /* indices in the table */

extern const struct fs_part fs_server_parts[];
extern const size_t fs_server_part_count;

/* shutdown.c */
void fs_server_close_config(struct fs_server *server);
void fs_server_close_module(struct fs_server *server);
void fs_server_close_files(struct fs_server *server);
void fs_server_close_auth(struct fs_server *server);
void fs_server_close_store(struct fs_server *server);
void fs_server_close_strategy(struct fs_server *server);

#endif
