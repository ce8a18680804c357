/* Logs all users of a thread in before the clock starts, some at a time. */
#include "load/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SLOTS_MAX 32u
#define TRIES_MAX 100u   /* of one user, when the server asks for patience */
#define FAILURES_MAX 5u  /* connections lost in a row */
#define PAUSE_US 200000u /* before asking again */

struct fs_login_slot {
    struct fs_load_worker *worker;
    struct fs_wire *wire;
    struct fs_shopper *shopper;
    struct event timer;
    uint32_t tries;
};

static void stop(struct fs_load_worker *worker)
{
    event_base_loopbreak(worker->base);
}

static void fail(struct fs_login_slot *slot, int failure, const char *why)
{
    fs_gate_fail(slot->worker->gate, failure, "log-in of user_%u at %s: %s",
                 slot->shopper->index + 1, slot->wire->endpoint->host, why);
    stop(slot->worker);
}

static void ask(struct fs_login_slot *slot)
{
    char text[FS_SHOPPER_REQUEST_SIZE];
    struct fs_buffer buffer = fs_buffer_of(text, sizeof(text));
    const struct fs_request request = {.kind = FS_OPERATION_LOGIN,
                                       .host = slot->wire->endpoint->host,
                                       .password = slot->worker->target->password};
    int rc = 0;

    if (slot->wire->state == FS_WIRE_OPEN) {
        fs_request_write(&buffer, slot->shopper, &request);
        rc = fs_wire_send(slot->wire, buffer.data, buffer.len);
    }
    if (slot->wire->state == FS_WIRE_CLOSED)
        rc = fs_wire_open(slot->wire);
    if (rc != 0)
        fail(slot, rc, strerror(-rc));
}

/* The next user's turn; none is left: the slot rests. */
static void next(struct fs_login_slot *slot)
{
    struct fs_load_worker *worker = slot->worker;

    if (worker->setup_next == worker->shopper_count) {
        slot->shopper = NULL;
        return;
    }
    slot->shopper = &worker->shoppers[worker->setup_next++];
    slot->tries = 0;
    ask(slot);
}

static void pause_slot(struct fs_login_slot *slot)
{
    const struct timeval after = {0, PAUSE_US};

    event_add(&slot->timer, &after);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    ask(data);
}

static void on_open(struct fs_wire *wire, int error)
{
    struct fs_login_slot *slot = wire->data;

    if (!slot->shopper)
        return;
    if (error == 0)
        ask(slot);
    else if (++slot->worker->setup_failures >= FAILURES_MAX)
        fail(slot, -error, strerror(error));
    else
        pause_slot(slot);
}

static void on_lost(struct fs_wire *wire, int error)
{
    if (wire->data && ((struct fs_login_slot *)wire->data)->shopper)
        on_open(wire, error ? error : ECONNRESET);
}

static void refuse(struct fs_login_slot *slot, const struct fs_load_reply *reply)
{
    struct fs_text shown = {reply->body, reply->body_len < 120 ? reply->body_len : 120};
    int failure = reply->status == 401 || reply->status == 403 ? -EACCES : -EPROTO;

    fs_gate_fail(slot->worker->gate, failure, "log-in of user_%u at %s was answered %u: %.*s",
                 slot->shopper->index + 1, slot->wire->endpoint->host, reply->status,
                 (int)shown.len, shown.data);
    stop(slot->worker);
}

static void on_reply(struct fs_wire *wire)
{
    struct fs_login_slot *slot = wire->data;
    struct fs_load_worker *worker = slot->worker;
    int rc;

    worker->setup_failures = 0;
    if ((wire->reply.status == 429 || wire->reply.status == 503) && ++slot->tries < TRIES_MAX) {
        pause_slot(slot);
        return;
    }
    rc = fs_shopper_log_in(slot->shopper, &wire->reply, wire->endpoint->host, fs_clock_now_us());
    if (rc == -EINVAL) {
        refuse(slot, &wire->reply);
        return;
    }
    if (rc != 0) {
        fail(slot, rc, strerror(-rc));
        return;
    }
    if (++worker->setup_done == worker->shopper_count)
        stop(worker);
    else
        next(slot);
}

static int run(struct fs_load_worker *worker, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        next(&worker->slots[i]);
    if (worker->setup_done < worker->shopper_count)
        fs_load_worker_set_up(worker, "log-ins");
    return worker->setup_done == worker->shopper_count ? 0 : -ECANCELED;
}

int fs_load_worker_log_in(struct fs_load_worker *worker)
{
    static const struct fs_wire_client client = {on_open, on_reply, on_lost};
    uint32_t count = worker->shopper_count < SLOTS_MAX ? worker->shopper_count : SLOTS_MAX;
    int rc;

    if (count > worker->own_count)
        count = worker->own_count;
    worker->slots = calloc(count, sizeof(*worker->slots));
    if (!worker->slots) {
        fs_gate_fail(worker->gate, -ENOMEM, "out of memory");
        return -ECANCELED;
    }
    worker->wires.client = &client;
    worker->setup_next = worker->setup_done = worker->setup_failures = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct fs_login_slot *slot = &worker->slots[i];

        *slot = (struct fs_login_slot){.worker = worker, .wire = &worker->wire_list[i]};
        slot->wire->data = slot;
        event_assign(&slot->timer, worker->base, -1, 0, on_timer, slot);
    }
    rc = run(worker, count);
    for (uint32_t i = 0; i < count; i++) {
        event_del(&worker->slots[i].timer);
        worker->wire_list[i].data = NULL;
    }
    free(worker->slots);
    worker->slots = NULL;
    return rc;
}
