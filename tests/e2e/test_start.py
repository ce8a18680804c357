"""Starting: zero configuration, addresses, files, logs."""
import json
import re
import socket
import stat
import time

import pytest

from flashsale import run, strategy
from http1 import request_bytes


def test_zero_configuration_sells_ten_products(server):
    for product in range(1, 11):
        answer = server.ask("GET", f"/inventory/{product}")
        assert answer.json() == {**answer.json(), "product_id": product, "stock": 100,
                                 "initial": 100, "state": "open"}
    assert server.ask("GET", "/inventory/11").status == 404
    for name in ("user_1", "user_10000"):
        assert server.buy("10", server.login(name)).status == 200


def test_no_flag_but_the_strategy_is_needed(make_server):
    """On the default ports, when they are free on this machine."""
    for port in (8000, 8001):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is in use")
    server = make_server(listen=None, admin=None).start()
    assert server.address == ("127.0.0.1", 8000)
    assert server.admin == ("127.0.0.1", 8001)
    assert server.buy("1", server.login("user_1")).status == 200


def test_an_admin_listener_on_a_unix_socket(make_server, folder):
    server = make_server(admin=f"unix:{folder}/admin.sock").start()
    assert server.admin == f"{folder}/admin.sock"
    assert server.admin_ask("GET", "/livez", token="").status == 200
    server.sale("unix", stock=5)
    assert server.stock("unix") == 5
    done = run("stock", "list", "--admin", f"unix:{folder}/admin.sock", "--data-dir",
               server.data_dir)
    assert done.returncode == 0 and "unix" in done.stdout, done.stderr
    server.kill()
    server.start()  # the socket's file of the killed one is in the way no more
    assert server.stock("unix") == 5
    server.stop()
    assert not (folder / "admin.sock").exists(), "the socket's file was left"


def test_a_data_folder_is_made_and_private(server):
    assert stat.S_IMODE(server.data_dir.stat().st_mode) & 0o077 == 0
    names = sorted(p.name for p in server.data_dir.iterdir())
    assert "admin.token" in names, names


def test_products_of_a_file_are_sold_and_an_existing_one_is_not_changed(make_server):
    config = ("products:\n  - {id: tv, stock: 7, per_user_max: 2}\n"
              "  - {id: \"42\", stock: 3, state: paused}\n")
    server = make_server(config=config).start()
    assert server.ask("GET", "/inventory/1").status == 404
    buyer = server.login("user_1")
    assert server.buy("tv", buyer, 2).status == 200
    assert server.buy("tv", buyer, 1).code == "user_limit"
    assert server.ask("GET", "/inventory/42").json()["state"] == "paused"
    server.stop()
    server.config.write_text("products:\n  - {id: tv, stock: 700}\n")
    server.start()
    assert server.stock("tv") == 5
    assert server.stock("42") == 3, "a sale that the file no longer names was lost"


def test_the_access_log_has_a_line_a_request(make_server, folder):
    path = folder / "access.log"
    server = make_server("--set", f"http.access_log={path}").start()
    buyer = server.login("user_1")
    with server.wire() as wire:
        wire.ask("POST", "/purchase/1", buyer + [("X-Request-Id", "seen-1")], b'{"quantity":1}')
        wire.ask("GET", "/nothing%0a%22", [("X-Request-Id", "seen-2"), ("User-Agent", "a\"b\\")])
        for _ in range(50):
            wire.ask("GET", "/inventory/1")
    server.stop()
    lines = path.read_text().splitlines()
    assert len(lines) == 53, len(lines)
    first = [line for line in lines if "/purchase/1" in line]
    assert len(first) == 1 and "200" in first[0] and "POST" in first[0], first
    assert "password123" not in path.read_text()
    token = buyer[0][1][7:]
    assert token not in path.read_text() + server.output(), "a token is in a log"
    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0


def test_the_log_as_json_is_a_json_object_a_line(make_server):
    server = make_server("--log-format", "json", "--log-level", "debug").start()
    server.buy("1", server.login("user_1"))
    server.stop()
    lines = [line for line in server.err_path.read_text().splitlines() if line.strip()]
    assert lines, "nothing was logged at level debug"
    for line in lines:
        entry = json.loads(line)
        assert isinstance(entry, dict), line


def test_a_quiet_log_stays_quiet_under_load(make_server):
    server = make_server("--log-level", "warning").start()
    before = len(server.output())
    buyer = server.login("user_1")
    with server.wire() as wire:
        wire.send(request_bytes("POST", "/purchase/1", buyer, b'{"quantity":1}') * 300)
        for _ in range(300):
            wire.answer()
        for _ in range(100):
            wire.ask("POST", "/purchase/1", [], b"x")
    assert server.output()[before:] == "", "requests are logged"


def test_check_config_of_nothing_is_fine(folder):
    done = run("check-config", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "8000" in done.stdout, done.stdout


@pytest.mark.skipif(strategy() != "v1", reason="an option of v1")
def test_durability_memory_says_so(make_server):
    server = make_server("--set", "strategy_options.durability=memory").start()
    assert re.search("memory", server.output()), server.output()
    assert server.buy("1", server.login("user_1")).status == 200


def test_an_idle_server_uses_next_to_no_cpu(server):
    time.sleep(0.5)
    before = cpu_ticks(server.pid)
    time.sleep(2)
    used = cpu_ticks(server.pid) - before
    assert used <= 6, f"{used} ticks of CPU in 2 s of nothing"


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
