"""TLS by configuration: 1.2 or later, HTTP/1.1 only, and the same sale behind it."""
import signal
import socket
import ssl
import subprocess
import time

import pytest

import http1
import tokens
from flashsale import slowness


def make_certificate(folder):
    tokens.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "tls.key",
                   "-out", folder / "tls.pem", "-days", "2", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    (folder / "tls.key").chmod(0o600)


@pytest.fixture
def tls_server(make_server, folder):
    make_certificate(folder)
    server = make_server(
        config=f"tls:\n  certificate: {folder}/tls.pem\n  key: {folder}/tls.key\n").start()
    server.context = ssl.create_default_context(cafile=folder / "tls.pem")
    return server


def wire_of(server, context=None):
    return http1.Wire(server.address, 5 * slowness(), tls=context or server.context)


def test_a_sale_over_tls(tls_server):
    with wire_of(tls_server) as wire:
        login = wire.ask("POST", "/login", body=b'{"username":"user_1","password":"password123"}')
        assert login.status == 200
        bearer = [("Authorization", "Bearer " + login.json()["access_token"])]
        bought = wire.ask("POST", "/purchase/1", bearer, b'{"quantity":2}')
        assert bought.status == 200 and bought.json()["remaining"] == 98
        assert wire.sock.version() in ("TLSv1.2", "TLSv1.3")


def test_curl_trusts_it_with_the_certificate_and_not_without(tls_server, folder):
    url = f"https://localhost:{tls_server.address[1]}/inventory/1"
    curl = ["curl", "-sS", "--max-time", "10", "--resolve",
            f"localhost:{tls_server.address[1]}:127.0.0.1"]
    done = subprocess.run([*curl, "--cacert", str(folder / "tls.pem"), url], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 0 and '"stock"' in done.stdout, done.stderr
    assert subprocess.run([*curl, url], capture_output=True, timeout=30, check=False).returncode


def test_http2_is_offered_beside_http1(tls_server):
    context = tls_server.context
    for offered, chosen in ((["h2", "http/1.1"], ("h2",)), (["http/1.1"], ("http/1.1", None))):
        context.set_alpn_protocols(offered)
        with wire_of(tls_server, context) as wire:
            assert wire.sock.selected_alpn_protocol() in chosen
    context.set_alpn_protocols(["http/1.1"])
    with wire_of(tls_server, context) as wire:
        assert wire.ask("GET", "/inventory/1").status == 200


def reload(server, said):
    before, limit = len(server.output()), time.monotonic() + 20 * slowness()
    server.signal(signal.SIGHUP)
    while said not in server.output()[before:]:
        assert time.monotonic() < limit, server.log()
        time.sleep(0.02)


def test_a_renewed_certificate_is_for_connections_to_come(tls_server, folder):
    with wire_of(tls_server) as old, http1.Wire(tls_server.address, 10 * slowness()) as waiting:
        shown = old.sock.getpeercert(binary_form=True)
        make_certificate(folder)
        reload(tls_server, "reloaded")
        renewed = ssl.create_default_context(cafile=folder / "tls.pem")
        with wire_of(tls_server, renewed) as new:
            assert new.ask("GET", "/inventory/1").status == 200
            assert new.sock.getpeercert(binary_form=True) != shown
        assert old.ask("GET", "/inventory/1").status == 200
        # Accepted before, and greeted only now: it gets what was there when it came.
        late = tls_server.context.wrap_socket(waiting.sock, server_hostname="localhost")
        assert late.getpeercert(binary_form=True) == shown
        late.close()
    (folder / "tls.key").write_text("no key")
    reload(tls_server, "changed nothing")
    with wire_of(tls_server, renewed) as new:
        assert new.ask("GET", "/inventory/1").status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(tls_server, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, OSError)):
        wire_of(tls_server, context)


def test_plain_text_on_the_tls_port_is_ended(tls_server):
    with http1.Wire(tls_server.address, 3 * slowness()) as wire:
        wire.send(b"GET /inventory/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        wire.sock.settimeout(3 * slowness())
        try:
            data = wire.sock.recv(4096)
        except ConnectionResetError:
            data = b""
        assert b"stock" not in data


def test_broken_handshakes_leave_others_alone(tls_server, rng):
    hello = bytes.fromhex("16030100c8010000c40303")
    for _ in range(200):
        with socket.create_connection(tls_server.address, 5) as sock:
            sock.sendall(hello + rng.randbytes(rng.randrange(0, 300)))
    with wire_of(tls_server) as wire:
        assert wire.ask("GET", "/inventory/1").status == 200
    assert tls_server.stop() == 0


def test_a_certificate_without_its_key_is_refused(make_server, folder):
    (folder / "a.pem").write_text("nothing")
    one = make_server(config=f"tls:\n  certificate: {folder}/a.pem\n").spawn()
    assert one.wait(10) == 2, one.log()
    two = make_server(config=f"tls:\n  certificate: {folder}/a.pem\n  key: {folder}/a.pem\n").spawn()
    assert two.wait(10) == 2, two.log()
    assert "a.pem" in two.output(), two.log()
    three = make_server(config=f"tls:\n  certificate: {folder}/none\n  key: {folder}/a.pem\n").spawn()
    assert three.wait(10) == 2, three.log()
    assert f"{folder}/none" in three.output(), three.log()


def test_a_certificate_renewed_on_disk_is_served_without_a_signal(tls_server, folder):
    def serial():
        pem = ssl.get_server_certificate(tls_server.address)
        return hash(pem)

    before, said = serial(), "has changed on disk"
    (folder / "new").mkdir()
    make_certificate(folder / "new")
    for kind in ("pem", "key"):  # as ACME clients do: one after the other
        (folder / "new" / f"tls.{kind}").rename(folder / f"tls.{kind}")
        time.sleep(0.05)
    limit = time.monotonic() + 20 * slowness()
    while serial() == before:
        assert time.monotonic() < limit, tls_server.log()
        time.sleep(0.05)
    while said not in tls_server.output():
        assert time.monotonic() < limit, tls_server.log()
        time.sleep(0.05)


def test_a_broken_certificate_on_disk_changes_nothing_and_is_told(tls_server, folder):
    before = ssl.get_server_certificate(tls_server.address)
    (folder / "tls.pem").write_text("no certificate")
    limit = time.monotonic() + 20 * slowness()
    while "the old one stays" not in tls_server.output():
        assert time.monotonic() < limit, tls_server.log()
        time.sleep(0.05)
    assert ssl.get_server_certificate(tls_server.address) == before
