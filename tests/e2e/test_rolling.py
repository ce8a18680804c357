"""Two servers behind a balancer, restarted one after the other under load: no request fails."""
import threading
import time

import pytest

import proxies
from flashsale import Server, sized, slowness
from http1 import Ended, Garbage, Wire

READY = proxies.HAPROXY.replace("  mode http\n", "  mode http\n  option redispatch\n").replace(
    "backend shop\n", "backend shop\n  option httpchk GET /readyz\n")
KINDS = {
    "haproxy": (proxies.KINDS["haproxy"][0], READY, lambda servers: "\n".join(
        f"  server s{n} {one} check inter 100ms fall 1 rise 1" for n, one in enumerate(servers))),
    # By default nginx avoids a server for 10 s after one refused connection: longer than a restart takes.
    "nginx": (*proxies.KINDS["nginx"][:2],
              lambda servers: " ".join(f"server {one} max_fails=0;" for one in servers)),
}


class Asker(threading.Thread):
    """Asks through the balancer until it is stopped, on connections of ten requests each."""

    def __init__(self, address, stopped):
        super().__init__(daemon=True)
        self.address, self.stopped = address, stopped
        self.count, self.failures = 0, []

    def run(self):
        while not self.stopped.is_set():
            try:
                with Wire(self.address, 10.0 * slowness()) as wire:
                    for _ in range(10):
                        answer = wire.ask("GET", "/inventory/1")
                        self.count += 1
                        if answer.status != 200:
                            self.failures.append(answer.status)
            except (OSError, Ended, Garbage) as problem:
                self.failures.append(repr(problem))


@pytest.mark.limit(120)
@pytest.mark.parametrize("kind", KINDS)
def test_a_rolling_restart_fails_no_request(tmp_path, monkeypatch, kind):
    assert kind in proxies.installed(), f"{kind} is not installed: scripts/setup.sh test"
    monkeypatch.setitem(proxies.KINDS, kind, KINDS[kind])
    flags = ("--set", "http.health=true", "--set", "shutdown_delay=700ms", "--workers", "1")
    servers = [Server(tmp_path / f"s{n}", *flags, strategy_name="v1").start() for n in range(2)]
    stopped = threading.Event()
    askers = []
    try:
        for server in servers:
            server.listen = f"127.0.0.1:{server.address[1]}"
        with proxies.Proxy(kind, tmp_path / kind, [server.listen for server in servers]) as proxy:
            askers = [Asker(proxy.address, stopped) for _ in range(4)]
            for asker in askers:
                asker.start()
            for _ in range(sized(1, 10)):
                for server in servers:
                    time.sleep(0.5)
                    assert server.stop(30) == 0
                    server.start()
            time.sleep(0.5)
            stopped.set()
            for asker in askers:
                asker.join(20 * slowness())
        failures = [failure for asker in askers for failure in asker.failures]
        print(f"{sum(asker.count for asker in askers)} requests, {len(failures)} failed")
        assert not failures, failures[:5]
        assert all(asker.count > 20 for asker in askers)
    finally:
        stopped.set()
        for server in servers:
            server.close()
