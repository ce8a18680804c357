"""The pages as files: their headers, their forms, and when they are served."""
import gzip
import re

import pytest

from flashsale import Server

MAIN = {"/": "text/html", "/docs": "text/html", "/web/shop.js": "text/javascript",
        "/web/client.js": "text/javascript", "/web/style.css": "text/css", "/web/docs.js": "text/javascript"}
ADMIN = {"/": "text/html", "/docs": "text/html", "/web/admin.js": "text/javascript",
         "/web/chart.js": "text/javascript", "/web/style.css": "text/css"}
TRANSFERRED_MAX = 150 * 1024  # bytes of a page with all that it loads


@pytest.fixture(scope="module", name="server")
def one_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("pages")) as server:
        yield server


def ask(server, path, is_admin=False, headers=()):
    if is_admin:
        return server.admin_ask("GET", path, token="", headers=list(headers))
    return server.ask("GET", path, headers=list(headers))


@pytest.mark.parametrize("is_admin, files", [(False, MAIN), (True, ADMIN)])
def test_each_file_has_a_strict_policy_and_both_forms_are_the_same(server, is_admin, files):
    for path, kind in files.items():
        plain = ask(server, path, is_admin)
        packed = ask(server, path, is_admin, [("Accept-Encoding", "br, gzip")])
        assert (plain.status, plain.get("content-type")) == (200, kind), path
        assert packed.get("content-encoding") == "gzip" and gzip.decompress(packed.body) == plain.body
        policy = plain.get("content-security-policy")
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert plain.get("x-content-type-options") == "nosniff"
        assert plain.get("vary") == "accept-encoding"


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_file_that_the_client_has_is_not_sent_again(server, is_admin):
    tag = ask(server, "/", is_admin).get("etag")
    again = ask(server, "/", is_admin, [("If-None-Match", tag)])
    assert (again.status, again.body) == (304, b"")
    assert ask(server, "/", is_admin, [("If-None-Match", '"other"')]).status == 200


@pytest.mark.parametrize("is_admin, files", [(False, MAIN), (True, ADMIN)])
def test_nothing_is_inline_and_no_request_leaves_the_machine(server, is_admin, files):
    for path, kind in files.items():
        text = ask(server, path, is_admin).body.decode()
        if kind == "text/html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", text), path
            assert all(link.startswith(("/", "#", "data:"))
                       for link in re.findall(r'(?:src|href)="([^"]*)"', text)), path


@pytest.mark.parametrize("is_admin, files", [(False, MAIN), (True, ADMIN)])
def test_a_page_transfers_less_than_150_kib(server, is_admin, files):
    loaded = [path for path in files if path not in ("/docs", "/web/docs.js")]
    sizes = [len(ask(server, path, is_admin, [("Accept-Encoding", "gzip")]).body) for path in loaded]
    assert sum(sizes) < TRANSFERRED_MAX, dict(zip(loaded, sizes))


def test_an_unknown_file_is_a_404_problem(server):
    assert ask(server, "/web/other.js").json()["code"] == "not_found"
    assert ask(server, "/web/admin.js").status == 404  # of the other listener


@pytest.mark.parametrize("flags, status", [
    (["--set", "shop.page=off"], 404), (["--set", "shop.page=on"], 200)])
def test_shop_page_is_switched_by_its_key(tmp_path, flags, status):
    with Server(tmp_path, *flags) as server:
        assert ask(server, "/").status == ask(server, "/docs").status == status
        assert ask(server, "/", is_admin=True).status == 200
