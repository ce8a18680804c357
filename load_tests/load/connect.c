/* What comes before the clock: connections are made, some at a time, and nothing of it takes for ever. */
#include "load/worker.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define CONNECTING_MAX 256u     /* at once: less than any accept queue */
#define SETUP_US_MAX 120000000u /* of the log-ins, of the connections */
#define LOOK_US 50000u

struct setup {
    struct fs_load_worker *worker;
    const char *what;
    uint64_t begun_us;
};

static void on_tick(evutil_socket_t fd, short what, void *data)
{
    struct setup *setup = data;
    struct fs_load_worker *worker = setup->worker;

    (void)fd;
    (void)what;
    if (worker->options->stop && atomic_load(worker->options->stop))
        fs_gate_fail(worker->gate, -EINTR, "stopped before the clock started");
    else if (fs_clock_now_us() > setup->begun_us + SETUP_US_MAX)
        fs_gate_fail(worker->gate, -ETIMEDOUT, "after two minutes %u %s were made",
                     worker->setup_done, setup->what);
    if (fs_gate_has_failed(worker->gate))
        event_base_loopbreak(worker->base);
}

void fs_load_worker_set_up(struct fs_load_worker *worker, const char *what)
{
    const struct timeval every = {0, LOOK_US};
    struct setup setup = {worker, what, fs_clock_now_us()};
    struct event tick;

    if (fs_gate_has_failed(worker->gate))
        return;
    event_assign(&tick, worker->base, -1, EV_PERSIST, on_tick, &setup);
    event_add(&tick, &every);
    event_base_dispatch(worker->base);
    event_del(&tick);
}

/* How many connections are made before the clock starts: those that it finds at work. */
static uint32_t connections_at_start(const struct fs_load_worker *worker)
{
    const struct fs_scenario *scenario = worker->scenario;
    uint32_t own = worker->own_count;
    double first;

    if (scenario->executor == FS_EXECUTOR_RAMPING_VUS && own == worker->actor_count)
        return 0;
    if (scenario->executor != FS_EXECUTOR_CONSTANT_VUS || own < worker->actor_count)
        return own;
    first = scenario->stages[0].target / worker->count;
    return first < own ? (uint32_t)first : own;
}

static void connect_next(struct fs_load_worker *worker)
{
    uint32_t count = connections_at_start(worker);

    while (worker->setup_next < count) {
        struct fs_wire *wire = &worker->wire_list[worker->setup_next++];
        int rc = wire->state == FS_WIRE_CLOSED ? fs_wire_open(wire) : 1;

        if (rc < 0) {
            fs_gate_fail(worker->gate, rc, "connection %u of %u to %s: %s", worker->setup_next,
                         count, wire->endpoint->host, strerror(-rc));
            event_base_loopbreak(worker->base);
        }
        if (rc <= 0)
            return;
        worker->setup_done++;
    }
    if (worker->setup_done == count)
        event_base_loopbreak(worker->base);
}

static void on_setup_open(struct fs_wire *wire, int error)
{
    struct fs_load_worker *worker = wire->data;

    if (error != 0) {
        fs_gate_fail(worker->gate, -error, "connection %u to %s: %s", worker->setup_done + 1,
                     wire->endpoint->host, strerror(error));
        event_base_loopbreak(worker->base);
        return;
    }
    worker->setup_done++;
    connect_next(worker);
}

static void on_setup_reply(struct fs_wire *wire)
{
    fs_wire_close(wire, false); /* nothing was asked */
}

static void on_setup_lost(struct fs_wire *wire, int error)
{
    (void)wire; /* it is opened again when it is needed */
    (void)error;
}

int fs_load_worker_connect(struct fs_load_worker *worker)
{
    static const struct fs_wire_client client = {on_setup_open, on_setup_reply, on_setup_lost};
    uint32_t count = connections_at_start(worker);

    if (count == 0)
        return 0;
    worker->wires.client = &client;
    worker->setup_next = worker->setup_done = 0;
    for (uint32_t i = 0; i < worker->wire_count; i++)
        worker->wire_list[i].data = worker;
    for (uint32_t i = 0; i < CONNECTING_MAX; i++)
        connect_next(worker);
    if (worker->setup_done < count)
        fs_load_worker_set_up(worker, "connections");
    for (uint32_t i = 0; i < worker->wire_count; i++)
        worker->wire_list[i].data = NULL;
    return worker->setup_done == count ? 0 : -ECANCELED;
}
