"""A server of which everything is asked over TLS and HTTP/2, but for its admin listener."""
import json
import os
import pathlib
import time

import flashsale
import http2
import tokens
from flashsale import sanitizer


def make_certificate(folder, name="tls"):
    """(certificate, key) for localhost, of a kind whose handshakes are quick."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    tokens.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                   "-nodes", "-keyout", key, "-out", pem, "-days", "2", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    key.chmod(0o600)
    return pem, key


class Http2Server(flashsale.Server):
    def __init__(self, folder, *flags, config="", **settings):
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = make_certificate(folder)
        config = (f"tls:\n  certificate: {self.certificate}\n  key: {self.key}\n" + config)
        super().__init__(folder, "--set", "http.http2=true", *flags, config=config, **settings)
        self.context = http2.client_context(self.certificate)

    def wire(self, timeout=10.0, **more):
        return http2.Wire(self.address, timeout * flashsale.slowness(), self.context, **more)

    def ask(self, method, path, headers=(), body=None, key=None):
        headers = list(headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.append(("content-type", "application/json"))
        if key is not None:
            headers.append(("idempotency-key", key))
        with self.wire() as wire:
            return wire.ask(method, path, headers, body)

    def metric(self, name):
        """The value of a metric without labels."""
        text = self.admin_ask("GET", "/metrics", token="").body.decode()
        found = [line.split()[1] for line in text.splitlines() if line.startswith(name + " ")]
        assert len(found) == 1, f"{name}: {found}"
        return float(found[0])


def rss_kb(server):
    text = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def cpu_s(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_refused(goaway, *codes):
    assert goaway is None or goaway[1] in (codes or (http2.CALM,)), goaway


def check_well(server, rss_before=None):
    """Serves, rests, and has not grown."""
    assert server.ask("GET", "/inventory/1").status == 200
    for _ in range(50):  # it may have something left to do, but not for ever
        used, begun = cpu_s(server), time.monotonic()
        time.sleep(0.1)
        rests = cpu_s(server) - used < 0.8 * (time.monotonic() - begun) + 0.03
        if rests:
            break
    assert rests, "it spins"
    if rss_before is not None and sanitizer() is None:
        assert rss_kb(server) - rss_before < 16384, "its memory has grown"
