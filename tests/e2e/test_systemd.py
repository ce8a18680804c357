"""What systemd is told: READY, RELOADING, STOPPING and WATCHDOG."""
import signal
import socket
import subprocess
import time

from flashsale import clean_environment, slowness
from http1 import Wire


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


def test_sockets_that_systemd_passes_are_listened_on_and_keep_their_queue(make_server):
    """As systemd does: descriptors from 3 on, named, and the process's own id in LISTEN_PID."""
    main, admin = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    server = make_server(listen=None, admin=None)
    plain = server.command
    server.command = lambda: [
        "bash", "-c", f"exec 3<&{main.fileno()} 4<&{admin.fileno()}; export LISTEN_PID=$$; exec \"$@\"",
        "bash", *plain()]
    server.env = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "main:admin"}
    for sock in (main, admin):
        sock.set_inheritable(True)
    spawn_with(server, [main.fileno(), admin.fileno()])
    assert server.address[1] == main.getsockname()[1]
    assert server.admin[1] == admin.getsockname()[1]
    assert server.ask("GET", "/inventory/1").status == 200
    server.stop()
    waiting = socket.create_connection(main.getsockname(), 5)  # in the queue, without a server
    spawn_with(server, [main.fileno(), admin.fileno()])
    with Wire(None, sock=waiting) as wire:
        assert wire.ask("GET", "/inventory/1").status == 200


def spawn_with(server, fds):
    """As Server.start(), with descriptors that are inherited."""
    server.folder.mkdir(parents=True, exist_ok=True)
    server.starts += 1
    server.out_path = server.folder / f"server-{server.starts}.out"
    server.err_path = server.folder / f"server-{server.starts}.err"
    server.spawned = time.monotonic()
    with open(server.out_path, "wb") as out, open(server.err_path, "wb") as err:
        server.process = subprocess.Popen(server.command(), stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=err, env=clean_environment(**server.env),
                                          pass_fds=fds)
    assert server.wait_for_end_or_ready() is None, server.log()


def test_a_descriptor_that_is_no_socket_is_refused(make_server):
    server = make_server(listen="fd:9").spawn()
    assert server.wait_for_end_or_ready() != 0
    assert "no listening socket" in server.output() or "other machines" in server.output()
