/* Descriptors and queues: a thousand connections within one second have to go somewhere. */
#include <inttypes.h>
#include <sys/resource.h>

#include "doctor/doctor.h"
#include "doctor/file.h"

#define TOPIC "machine"
#define DESCRIPTORS_BESIDE 256 /* loops, store connections, journal, logs, admin connections */
#define PORTS_MIN 10000
#define BUFFER_BYTES_MIN 65536

static void check_descriptors(const struct fs_doctor *doctor)
{
    uint64_t needed = (uint64_t)doctor->config->http_connections_max + DESCRIPTORS_BESIDE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    /* The program raises its soft limit to the hard one. */
    if (limit.rlim_max < needed)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, "process", "descriptors",
                       "Connections beyond it are not accepted: raise it (ulimit -Hn, LimitNOFILE "
                       "of systemd, ulimits.nofile of a container), or lower http.connections_max.",
                       "at most %" PRIu64 ", and http.connections_max needs %" PRIu64,
                       (uint64_t)limit.rlim_max, needed);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, "process", "descriptors", NULL,
                       "at most %" PRIu64 ", %" PRIu64 " needed", (uint64_t)limit.rlim_max, needed);
}

/* A queue that the kernel cuts to its own limit. */
static void check_queue(const struct fs_doctor *doctor, const char *path, const char *check,
                        const char *remedy)
{
    int64_t size;

    if (!fs_doctor_read_number(doctor->root, path, &size))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, check, NULL, "not told here");
    else if (size < (int64_t)doctor->config->http_backlog)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, check, remedy,
                       "%" PRId64 ", and http.backlog is %" PRIu32, size,
                       doctor->config->http_backlog);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, check, NULL, "%" PRId64, size);
}

static void check_ports(const struct fs_doctor *doctor)
{
    int64_t range[2]; /* first and last */

    if (!fs_doctor_read_numbers(doctor->root, "/proc/sys/net/ipv4/ip_local_port_range", range, 2))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "local ports", NULL, "not told here");
    else if (range[1] - range[0] + 1 < PORTS_MIN)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "local ports",
                       "A generator on this machine runs out of them: sysctl "
                       "net.ipv4.ip_local_port_range=\"10240 65535\".",
                       "%" PRId64, range[1] - range[0] + 1);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "local ports", NULL, "%" PRId64,
                       range[1] - range[0] + 1);
}

/* Requests and answers have some hundred bytes: only a machine tuned for tiny ones is told. */
static void check_buffers(const struct fs_doctor *doctor, const char *path, const char *check)
{
    int64_t sizes[3]; /* least, usual, most */

    if (!fs_doctor_read_numbers(doctor->root, path, sizes, 3))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, check, NULL, "not told here");
    else if (sizes[2] < BUFFER_BYTES_MIN)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, check,
                       "Batches to Redis do not fit in one go: raise net.ipv4.tcp_rmem and "
                       "tcp_wmem to 64 KiB or more.",
                       "up to %" PRId64 " bytes", sizes[2]);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, check, NULL, "up to %" PRId64 " bytes",
                       sizes[2]);
}

void fs_doctor_network(const struct fs_doctor *doctor)
{
    check_descriptors(doctor);
    check_queue(doctor, "/proc/sys/net/core/somaxconn", "accept queue (somaxconn)",
                "Connections that come in one burst beyond it wait a second for their SYN to be "
                "sent again: sysctl net.core.somaxconn=4096.");
    check_queue(doctor, "/proc/sys/net/ipv4/tcp_max_syn_backlog", "SYN queue (tcp_max_syn_backlog)",
                "A burst of connections beyond it falls back to SYN cookies or is dropped: sysctl "
                "net.ipv4.tcp_max_syn_backlog=4096.");
    check_ports(doctor);
    check_buffers(doctor, "/proc/sys/net/ipv4/tcp_rmem", "receive buffers (tcp_rmem)");
    check_buffers(doctor, "/proc/sys/net/ipv4/tcp_wmem", "send buffers (tcp_wmem)");
}
