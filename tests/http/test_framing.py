"""HTTP/1 as it should not be written: refused and closed, or answered rightly; never a second
meaning, never a crash.

Each row is a request that wants to buy a unit, and behind it a canary.  What must be refused gets at
most one answer, an error, and the end of the connection; no unit is sold and no canary sings.
"""
import itertools

import pytest

from flashsale import slowness
from http1 import Ended, Wire, request_bytes

BODY = b'{"quantity":1}'
CANARY = (b"GET /inventory/1 HTTP/1.1\r\nHost: flashsale\r\nX-Request-Id: canary\r\n\r\n")
NUMBERS = itertools.count(1)


def head(*lines, line=b"POST /purchase/%P HTTP/1.1", end=b"\r\n"):
    """A head with Host and token; %P and %T are put in later."""
    every = [line, b"Host: flashsale", b"Authorization: Bearer %T", *lines]
    return end.join(every) + end + end


CHUNKED = b"e\r\n" + BODY + b"\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 14"
TRANSFER = b"Transfer-Encoding: chunked"

# What has two meanings, or none: refused.
REFUSED = {
    "length_and_chunked": head(LENGTH, TRANSFER) + CHUNKED,
    "chunked_and_length": head(TRANSFER, LENGTH) + CHUNKED,
    "chunked_and_length_of_the_whole": head(TRANSFER, b"Content-Length: 24") + CHUNKED,
    "length_0_and_chunked": head(b"Content-Length: 0", TRANSFER) + CHUNKED,
    "two_lengths": head(LENGTH, b"Content-Length: 0") + BODY,
    "two_lengths_swapped": head(b"Content-Length: 0", LENGTH) + BODY,
    "two_equal_lengths": head(LENGTH, LENGTH) + BODY,
    "a_list_of_lengths": head(b"Content-Length: 14, 14") + BODY,
    "length_with_plus": head(b"Content-Length: +14") + BODY,
    "length_with_minus": head(b"Content-Length: -14") + BODY,
    "length_in_hex": head(b"Content-Length: 0xe") + BODY,
    "length_with_letter": head(b"Content-Length: 14a") + BODY,
    "length_with_point": head(b"Content-Length: 14.0") + BODY,
    "length_with_space_within": head(b"Content-Length: 1 4") + BODY,
    "length_empty": head(b"Content-Length:") + BODY,
    "length_beyond_64_bits": head(b"Content-Length: 18446744073709551630") + BODY,
    "length_huge": head(b"Content-Length: " + b"9" * 60) + BODY,
    "chunked_twice_in_one": head(b"Transfer-Encoding: chunked, chunked") + CHUNKED,
    "chunked_twice_in_two": head(TRANSFER, TRANSFER) + CHUNKED,
    "chunked_not_last": head(b"Transfer-Encoding: chunked, identity") + CHUNKED,
    "coding_unknown": head(b"Transfer-Encoding: xchunked") + CHUNKED,
    "coding_unknown_with_length": head(b"Transfer-Encoding: xchunked", LENGTH) + BODY,
    "coding_identity_with_length": head(b"Transfer-Encoding: identity", LENGTH) + BODY,
    "coding_gzip": head(b"Transfer-Encoding: gzip") + CHUNKED,
    "coding_gzip_chunked": head(b"Transfer-Encoding: gzip, chunked") + CHUNKED,
    "coding_with_semicolon": head(b"Transfer-Encoding: chunked;q=1") + CHUNKED,
    "coding_in_quotes": head(b'Transfer-Encoding: "chunked"') + CHUNKED,
    "coding_with_vertical_tab": head(b"Transfer-Encoding: \x0bchunked") + CHUNKED,
    "coding_empty": head(b"Transfer-Encoding:", LENGTH) + BODY,
    "space_before_colon": head(b"Content-Length : 14") + BODY,
    "tab_before_colon": head(b"Transfer-Encoding\t: chunked") + CHUNKED,
    "folded_coding": head(b"Transfer-Encoding:\r\n chunked") + CHUNKED,
    "folded_length": head(b"Content-Length: 1\r\n 4") + BODY,
    "folded_header": head(b"X-Note: a\r\n b", LENGTH) + BODY,
    "folded_first_header": b"POST /purchase/%P HTTP/1.1\r\n Host: flashsale\r\n"
                           b"Authorization: Bearer %T\r\n" + LENGTH + b"\r\n\r\n" + BODY,
    "line_without_colon": head(b"Content-Length", LENGTH) + BODY,
    "name_empty": head(b": x", LENGTH) + BODY,
    "name_with_space": head(b"X Note: a", LENGTH) + BODY,
    "name_with_nul": head(b"X\x00Note: a", LENGTH) + BODY,
    "value_with_nul": head(b"X-Note: a\x00b", LENGTH) + BODY,
    "value_with_bare_cr": head(b"X-Note: a\rContent-Length: 0", LENGTH) + BODY,
    "chunk_size_none": head(TRANSFER) + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_not_hex": head(TRANSFER) + b"xyz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_negative": head(TRANSFER) + b"-e\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_plus": head(TRANSFER) + b"+e\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_0x": head(TRANSFER) + b"0xe\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_beyond_64_bits": head(TRANSFER) + b"1000000000000000e\r\n" + BODY
                                 + b"\r\n0\r\n\r\n",
    "no_host": b"POST /purchase/%P HTTP/1.1\r\nAuthorization: Bearer %T\r\n" + LENGTH
               + b"\r\n\r\n" + BODY,
    "two_hosts": head(b"Host: other", LENGTH) + BODY,
    "protocol_missing": head(LENGTH, line=b"POST /purchase/%P") + BODY,
    "protocol_2": head(LENGTH, line=b"POST /purchase/%P HTTP/2.0") + BODY,
    "protocol_none": head(LENGTH, line=b"POST /purchase/%P HTPP/1.1") + BODY,
    "protocol_lower": head(LENGTH, line=b"POST /purchase/%P http/1.1") + BODY,
    "path_missing": head(LENGTH, line=b"POST HTTP/1.1") + BODY,
    "path_with_nul": head(LENGTH, line=b"POST /purchase/%P\x00 HTTP/1.1") + BODY,
    "path_with_space": head(LENGTH, line=b"POST /purchase/ %P HTTP/1.1") + BODY,
    "binary": bytes(range(256)) * 4,
    "tls_hello": bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 200,
    "http2_preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    "redis_command": b"*1\r\n$4\r\nPING\r\n",
    "a_very_long_path": head(LENGTH, line=b"POST /purchase/" + b"a" * 200000 + b" HTTP/1.1") + BODY,
    "a_very_long_header": head(b"X-Note: " + b"a" * 200000, LENGTH) + BODY,
    "very_many_headers": head(*(b"X-%d: a" % n for n in range(5000)), LENGTH) + BODY,
}

# What RFC 9112 lets a server read or refuse: one purchase and the canary, or refused.
EITHER = {
    "lines_end_in_lf": head(LENGTH, end=b"\n") + BODY,
    "one_line_ends_in_lf": head(b"X-Note: a\nX-Other: b", LENGTH) + BODY,
    "chunk_with_extension": head(TRANSFER) + b"e;a=b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_with_zeros": head(TRANSFER) + b"0000e\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk_size_with_space": head(TRANSFER) + b"e \r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunks_end_in_lf": head(TRANSFER) + b"e\n" + BODY + b"\n0\n\n",
    "chunk_trailer": head(TRANSFER) + b"e\r\n" + BODY + b"\r\n0\r\nX-Note: a\r\n\r\n",
    "chunk_trailer_that_is_framing": head(TRANSFER) + b"e\r\n" + BODY
                                     + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "chunked_in_capitals": head(b"Transfer-Encoding: CHUNKED") + CHUNKED,
    "length_with_zeros": head(b"Content-Length: 0014") + BODY,
    "length_with_spaces_around": head(b"Content-Length:  \t 14 \t ") + BODY,
    "empty_lines_before": b"\r\n\r\n" + head(LENGTH) + BODY,
    "absolute_form": head(LENGTH, line=b"POST http://flashsale/purchase/%P HTTP/1.1") + BODY,
    "two_spaces_in_the_request_line": head(LENGTH, line=b"POST  /purchase/%P HTTP/1.1") + BODY,
    "protocol_1_2": head(LENGTH, line=b"POST /purchase/%P HTTP/1.2") + BODY,
    "expect_continue": head(b"Expect: 100-continue", LENGTH) + BODY,
    "expect_other": head(b"Expect: the-unexpected", LENGTH) + BODY,
    "upgrade_h2c": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                        b"HTTP2-Settings: AAMAAABkAAQAAP__", LENGTH) + BODY,
    "upgrade_websocket": head(b"Connection: Upgrade", b"Upgrade: websocket", LENGTH) + BODY,
    "value_of_high_bytes": head(b"X-Note: \xff\xfe\x80", LENGTH) + BODY,
    "value_with_control_byte": head(b"X-Note: a\x01b", LENGTH) + BODY,
    "a_hundred_headers": head(*(b"X-%d: a" % n for n in range(60)), LENGTH) + BODY,
    "a_path_with_query": head(LENGTH, line=b"POST /purchase/%P?a=b HTTP/1.1") + BODY,
    "a_path_with_fragment": head(LENGTH, line=b"POST /purchase/%P#a HTTP/1.1") + BODY,
}


@pytest.fixture(scope="module")
def buyer_token(shared_server):
    return shared_server.login("user_77")[0][1][7:].encode()


@pytest.fixture
def product(shared_server):
    name = f"f{next(NUMBERS)}"
    shared_server.sale(name, stock=10)
    return name


def answers(server, data, seconds=3.0):
    """What the server answers to data until it ends the connection, and whether it did so."""
    with Wire(server.address, seconds * slowness()) as wire:
        try:
            wire.send(data)
        except OSError:
            pass  # ended amid it
        got = []
        while True:
            try:
                got.append(wire.answer())
            except Ended:
                return got, True
            except TimeoutError:
                return got, False


def filled(row, product, token):
    return row.replace(b"%P", product.encode()).replace(b"%T", token)


@pytest.mark.limit(20)
@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED.keys())
def test_ambiguous_or_broken_framing_is_refused(shared_server, product, buyer_token, row):
    got, ended = answers(shared_server, filled(row, product, buyer_token) + CANARY)
    assert ended, f"the connection was left open after {got}"
    assert len(got) <= 1, got
    assert all(a.status in (400, 411, 413, 414, 431, 501, 505) for a in got), got
    assert shared_server.stock(product) == 10, "it sold a unit"


@pytest.mark.limit(20)
@pytest.mark.parametrize("row", EITHER.values(), ids=EITHER.keys())
def test_odd_framing_has_one_meaning_or_is_refused(shared_server, product, buyer_token, row):
    data = filled(row, product, buyer_token) + CANARY.replace(
        b"X-Request-Id: canary", b"X-Request-Id: canary\r\nConnection: close")
    got, ended = answers(shared_server, data)
    assert ended, f"the connection was left open after {got}"
    left = shared_server.stock(product)
    if left == 9 and got[0].closes:
        assert [a.status for a in got] == [200], got
    elif left == 9:
        assert [a.status for a in got] == [200, 200], got
        assert got[1].get("x-request-id") == "canary"
    else:
        assert left == 10 and len(got) <= 2, got
        assert all(400 <= a.status < 600 for a in got[:1]), got
        if len(got) == 2:
            assert got[1].get("x-request-id") == "canary", got


@pytest.mark.limit(20)
@pytest.mark.parametrize("line", [b"GET /inventory/1\r\n", b"GET /inventory/1\r\n\r\n",
                                  b"GET /inventory/1 HTTP/1.0\r\n\r\n", b"\r\n", b"\x00", b"GET",
                                  b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                  b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
                                  b"GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                  b"HEAD /inventory/1 HTTP/1.0\r\n\r\n"])
def test_an_old_or_strange_request_harms_nothing(shared_server, line):
    with Wire(shared_server.address, 0.5 * slowness()) as wire:
        wire.send(line)
        try:
            answer = wire.answer(to_head=line.startswith(b"HEAD"))
            assert 200 <= answer.status < 600
        except (Ended, TimeoutError):
            pass  # it may end, or wait for more until its deadline
    assert shared_server.stock("1") == 100


@pytest.mark.limit(20)
def test_twenty_purchases_in_one_write_are_answered_in_order(shared_server, buyer_token):
    shared_server.sale("pipeline", stock=20)
    with shared_server.wire() as wire:
        wire.send(b"".join(purchase("pipeline", buyer_token, b"r-%d" % n) for n in range(25)))
        got = [wire.answer() for _ in range(25)]
    assert [a.get("x-request-id") for a in got] == [f"r-{n}" for n in range(25)]
    assert [a.status for a in got] == [200] * 20 + [400] * 5
    assert [a.json()["remaining"] for a in got[:20]] == list(range(19, -1, -1))
    shared_server.audit("pipeline")


@pytest.mark.limit(20)
def test_a_broken_request_within_a_pipeline_ends_it(shared_server, buyer_token):
    shared_server.sale("broken-pipeline", stock=20)
    good = purchase("broken-pipeline", buyer_token, b"good")
    bad = filled(REFUSED["length_and_chunked"], "broken-pipeline", buyer_token)
    got, ended = answers(shared_server, good * 3 + bad + good * 3)
    assert ended
    assert [a.status for a in got] in ([200, 200, 200, 400], [200, 200, 200])
    assert shared_server.stock("broken-pipeline") == 17


@pytest.mark.limit(30)
def test_a_request_byte_by_byte_is_one_request(shared_server, buyer_token):
    shared_server.sale("bytewise", stock=5)
    data = filled(head(TRANSFER) + CHUNKED, "bytewise", buyer_token)
    with shared_server.wire() as wire:
        for at in range(len(data)):
            wire.send(data[at:at + 1])
        answer = wire.answer()
    assert answer.status == 200 and answer.json()["remaining"] == 4


def purchase(product, token, request_id):
    return request_bytes("POST", f"/purchase/{product}", [
        ("Authorization", b"Bearer " + token), ("X-Request-Id", request_id)], BODY)
