/* An HTTP/1.1 connection of the generator: one request at a time, written and read without blocking.
 *
 * A wire is edge-triggered and registered once, so that a request costs one write and one read and
 * nothing else of the kernel. */
#ifndef FS_BENCH_WIRE_H
#define FS_BENCH_WIRE_H

#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <http_parser.h>

#include "load/answer.h"

struct fs_endpoint {
    struct sockaddr_storage address;
    socklen_t address_len;
    char host[280]; /* what the Host header says */
};

/* Resolves a name, an address, or with port 0 the path of a unix socket.
 * Returns 0, or -EINVAL with one line in error. */
int fs_endpoint_resolve(struct fs_endpoint *endpoint, const char *host, uint16_t port, char *error,
                        size_t error_size);

enum fs_wire_state { FS_WIRE_CLOSED = 0, FS_WIRE_CONNECTING, FS_WIRE_OPEN };

struct fs_wire;

/* None is called before the function that caused it has returned.  In each of them the wire may be
 * used, closed and opened again. */
struct fs_wire_client {
    void (*on_open)(struct fs_wire *wire,
                    int error);             /* 0, or the errno of connecting; then closed */
    void (*on_reply)(struct fs_wire *wire); /* wire->reply is whole */
    void (*on_lost)(struct fs_wire *wire, int error); /* closed by the other side, or unreadable */
};

/* What the wires of one thread share. */
struct fs_wires {
    struct event_base *base;             /* borrowed */
    const struct fs_wire_client *client; /* borrowed; may be changed between events */
    uint64_t connects;
    uint64_t connects_failed; /* for reasons of this machine: ports, descriptors, memory */
    int failed_error;         /* the last of them */
    char *scratch;            /* owned: what is read at once */
};

int fs_wires_init(struct fs_wires *wires, struct event_base *base); /* -ENOMEM */
void fs_wires_dispose(struct fs_wires *wires);

struct fs_wire {
    struct fs_wires *wires;             /* borrowed */
    const struct fs_endpoint *endpoint; /* borrowed */
    void *owner, *data;                 /* the client's */
    struct fs_wire *next;               /* the client's */
    int fd;
    enum fs_wire_state state;
    bool awaits_reply;
    bool is_whole;     /* the reply that is being parsed has ended */
    bool is_in_value;  /* of a header */
    uint8_t field_len; /* of the header's name */
    char field[24];
    struct event event;
    http_parser parser;
    char *unsent; /* owned: the rest of a request that the kernel did not take; NULL: none */
    size_t unsent_len;
    struct fs_load_reply reply;
};

void fs_wire_init(struct fs_wire *wire, struct fs_wires *wires, const struct fs_endpoint *endpoint);

/* Begins to connect; on_open() follows.  Returns 0 or a negative errno, then on_open() is not called. */
int fs_wire_open(struct fs_wire *wire);

/* Sends a request on an open wire that awaits no reply; on_reply() or on_lost() follows.  data: copied.
 * Returns 0, or a negative errno when the connection is broken; the wire is then closed. */
int fs_wire_send(struct fs_wire *wire, const char *data, size_t len);

/* Closes at once; no callback follows.  with_reset: the other side sees a reset and not an end. */
void fs_wire_close(struct fs_wire *wire, bool with_reset);

#endif
