"""What systemd is told: READY, RELOADING, STOPPING and WATCHDOG."""
import signal
import socket

from flashsale import slowness


def listen(folder):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(folder / "notify"))
    sock.settimeout(10 * slowness())
    return sock


def next_state(sock, *ignored):
    while True:
        state = sock.recv(4096).decode()
        if state not in ignored:
            return state


def test_a_service_tells_when_it_is_ready_reloads_and_stops(make_server, folder):
    sock = listen(folder)
    server = make_server(env={"NOTIFY_SOCKET": str(folder / "notify")}).start()
    assert next_state(sock) == "READY=1"
    server.signal(signal.SIGHUP)
    assert next_state(sock).startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert next_state(sock) == "READY=1"
    server.signal(signal.SIGTERM)
    assert next_state(sock) == "STOPPING=1"
    assert server.wait(12) == 0


def test_a_watchdog_is_fed_while_the_loops_turn(make_server, folder):
    sock = listen(folder)
    make_server(env={"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "200000"}).start()
    assert next_state(sock) == "READY=1"
    assert [next_state(sock) for _ in range(3)] == ["WATCHDOG=1"] * 3
