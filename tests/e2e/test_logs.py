"""Logs never stop the server: not an unread pipe, not a full disk, not a FIFO without a reader."""
import fcntl
import os
import pathlib
import signal
import subprocess
import time

import pytest

from flashsale import _die_with_parent, clean_environment, slowness
from http1 import Wire

F_SETPIPE_SZ = 1031


class UnreadPipe:
    """A pipe of one page that nobody reads until told to."""

    def __init__(self):
        self.out, self.into = os.pipe()
        fcntl.fcntl(self.into, F_SETPIPE_SZ, 4096)

    def read_all(self, seconds=1.0):
        """What comes until nothing has come for a while."""
        os.set_blocking(self.out, False)
        data, quiet_since = b"", time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            try:
                piece = os.read(self.out, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            if not piece:
                break
            data, quiet_since = data + piece, time.monotonic()
        return data.decode(errors="replace")

    def close(self):
        for fd in (self.out, self.into):
            try:
                os.close(fd)
            except OSError:
                pass


@pytest.fixture
def pipe():
    one = UnreadPipe()
    yield one
    one.close()


def spawn(server, stderr, stdout=None):
    """As Server.spawn(), with standard error, and perhaps standard output, that the test chose."""
    server.folder.mkdir(parents=True, exist_ok=True)
    server.starts += 1
    server.out_path = server.folder / f"server-{server.starts}.out"
    server.err_path = server.folder / f"server-{server.starts}.err"
    server.spawned = time.monotonic()
    with open(server.out_path, "wb") as out:
        server.process = subprocess.Popen(server.command(), stdin=subprocess.DEVNULL,
                                          stdout=out if stdout is None else stdout, stderr=stderr,
                                          env=clean_environment(), preexec_fn=_die_with_parent)
    return server


def ask_often(server, count, path="/inventory/1"):
    """count requests on one connection, each answered within 2 s; the worst time."""
    worst = 0.0
    with server.wire(timeout=2.0) as wire:
        for _ in range(count):
            begun = time.monotonic()
            assert wire.ask("GET", path).status == 200
            worst = max(worst, time.monotonic() - begun)
    return worst


def metric(server, name):
    text = server.admin_ask("GET", "/metrics", token="").body.decode()
    return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                if line.startswith(name))


def test_an_unread_standard_error_stops_neither_requests_nor_health_nor_sigterm(make_server, pipe):
    server = make_server("--set", "http.access_log=stderr", "--workers", "1")
    spawn(server, pipe.into).wait_for_end_or_ready()
    ask_often(server, 400)  # 40 KiB of lines into a pipe of 4 KiB
    assert server.admin_ask("GET", "/livez", token="").status == 200
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait(8) == 0
    print(f"ended {time.monotonic() - begun:.2f} s after SIGTERM")


def test_a_second_sigterm_ends_a_server_whose_standard_error_is_unread(make_server, pipe):
    server = make_server("--set", "http.access_log=stderr", "--workers", "1")
    spawn(server, pipe.into).wait_for_end_or_ready()
    ask_often(server, 400)
    with server.wire() as wire:
        wire.ask("GET", "/inventory/1")
        wire.send(b"POST /purchase/1 HTTP/1.1\r\nHost: a\r\n")
        server.signal(signal.SIGTERM)
        time.sleep(0.5)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait(6)
        print(f"ended {time.monotonic() - begun:.2f} s after the second SIGTERM")


def test_dropped_lines_are_counted_and_reported_when_the_reader_is_back(make_server, pipe):
    server = make_server("--set", "http.access_log=stderr", "--workers", "1")
    spawn(server, pipe.into).wait_for_end_or_ready()
    with server.wire(timeout=5.0) as wire:
        path = "/inventory/" + "x" * 200
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        for _ in range(1000):  # past the buffer of 4 MiB
            wire.send(request * 40)
            for _ in range(40):
                wire.answer()
            if metric(server, 'flashsale_log_lines_dropped_total{log="access"}') > 0:
                break
    dropped = metric(server, 'flashsale_log_lines_dropped_total{log="access"}')
    assert dropped > 0, "no line was dropped, so this test proved nothing"
    assert ask_often(server, 50) < 2.0 * slowness()
    text = pipe.read_all()
    assert "access log: " in text and "dropped" in text, text[-2000:]
    # Lines come whole: only the report and complete lines are there.
    assert all(line.startswith("20") for line in text.splitlines() if line), "a line was torn"


def test_an_unread_standard_output_does_not_hold_the_signals(make_server, pipe):
    server = make_server("--workers", "1")
    os.set_blocking(pipe.into, False)
    try:
        while True:
            os.write(pipe.into, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(pipe.into, True)
    server.err_path = None
    with open(server.folder.parent / "err", "wb") as err:
        spawn(server, err, stdout=pipe.into)
    time.sleep(2.0 * slowness())
    assert server.is_running()
    server.signal(signal.SIGTERM)
    assert server.wait(8) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_drops_log_lines_and_counts_them(make_server):
    server = make_server("--set", "http.access_log=/dev/full").start()
    ask_often(server, 50)
    limit = time.monotonic() + 5 * slowness()
    while metric(server, 'flashsale_log_lines_dropped_total{log="access"}') < 50:
        assert time.monotonic() < limit
        time.sleep(0.05)
    while "No space left" not in server.output():
        assert time.monotonic() < limit, server.output()
        time.sleep(0.05)


def test_a_fifo_without_a_reader_is_refused_at_the_start_with_a_way_out(make_server, folder):
    path = folder / "fifo"
    os.mkfifo(path)
    server = make_server("--set", f"http.access_log={path}").spawn()
    assert server.wait_for_end_or_ready() == 2, server.log()
    assert "no program reads" in server.output(), server.output()


def test_a_fifo_whose_reader_stops_or_leaves_stops_nobody(make_server, folder):
    path = folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    server = make_server("--set", f"http.access_log={path}").start()
    ask_often(server, 1200)
    assert b"/inventory/1" in os.read(reader, 4096)
    os.close(reader)
    ask_often(server, 200)
    assert server.admin_ask("GET", "/livez", token="").status == 200


def test_the_log_of_a_start_that_fails_comes_before_its_last_word(make_server):
    server = make_server("--strategy", "none-such").spawn()
    assert server.wait_for_end_or_ready() == 2
    lines = pathlib.Path(server.err_path).read_text().splitlines()
    assert lines and lines[-1].startswith("flashsale: "), lines
