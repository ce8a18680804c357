"""SIGHUP: a good file is taken over, a bad one changes nothing and says why."""
import re
import signal
import time

from flashsale import slowness


def reload(server, text, said):
    """Writes the file, sends SIGHUP, and waits until the log says something new about it."""
    server.config.write_text(text)
    before = len(server.output())
    server.signal(signal.SIGHUP)
    return wait_until_said(server, said, before)


def wait_until_said(server, said, before):
    limit = time.monotonic() + 20 * slowness()
    while not re.search(said, server.output()[before:]):
        assert server.is_running() and time.monotonic() < limit, server.log()
        time.sleep(0.02)
    return server.output()[before:]


def buy_status(server, buyer, units):
    answer = server.buy("10", buyer, units)
    return answer.status, answer.code


def test_a_new_limit_is_in_force_after_sighup(make_server):
    server = make_server(config="purchase:\n  max_quantity: 10\n").start()
    buyer = server.login("user_1")
    assert buy_status(server, buyer, 3) == (200, None)
    reload(server, "purchase:\n  max_quantity: 2\n", "(?i)reload")
    assert buy_status(server, buyer, 3) == (400, "invalid_request")
    assert buy_status(server, buyer, 2) == (200, None)


def test_a_bad_file_changes_nothing_and_says_where(make_server):
    server = make_server(config="purchase:\n  max_quantity: 4\n").start()
    buyer = server.login("user_1")
    said = reload(server, "purchase:\n  max_quantity: 2\n  max_quality: 1\n", r"flashsale\.yaml:3:\d+")
    assert "max_quality" in said
    assert buy_status(server, buyer, 4) == (200, None), "half of a bad file was taken over"
    said = reload(server, "purchase: [\n", r"flashsale\.yaml:\d+:\d+")
    assert buy_status(server, buyer, 4) == (200, None)
    server.config.unlink()
    before = len(server.output())
    server.signal(signal.SIGHUP)
    wait_until_said(server, "reload changed nothing", before)
    assert buy_status(server, buyer, 4) == (200, None)
    reload(server, "purchase:\n  max_quantity: 1\n", "(?i)reload")
    assert buy_status(server, buyer, 4) == (400, "invalid_request")
    assert server.stop() == 0


def test_what_cannot_change_while_running_is_named(make_server):
    server = make_server(config="workers: 1\n").start()
    said = reload(server, "workers: 2\n", "workers")
    assert re.search("restart|running|cannot|not changed|start", said), said
    assert server.stock("1") == 100


def test_a_flag_stays_stronger_than_the_file_read_anew(make_server):
    server = make_server("--set", "purchase.max_quantity=3",
                         config="purchase:\n  max_quantity: 9\n").start()
    buyer = server.login("user_1")
    reload(server, "purchase:\n  max_quantity: 8\n", "(?i)reload")
    assert buy_status(server, buyer, 4) == (400, "invalid_request")
    assert buy_status(server, buyer, 3) == (200, None)


def test_many_reloads_under_load_harm_no_purchase(make_server, rng):
    server = make_server(config="log:\n  level: warning\n").start()
    buyer = server.login("user_1")
    server.sale("steady", stock=1_000_000)
    with server.wire() as wire:
        for number in range(1000):
            if number % 20 == 0:
                server.config.write_text(rng.choice(
                    ("log:\n  level: error\n", "log: [", "purchase:\n  max_quantity: 5\n")))
                server.signal(signal.SIGHUP)
            answer = wire.ask("POST", "/purchase/steady", buyer, b'{"quantity":1}')
            assert answer.status == 200, (number, answer)
    assert server.stock("steady") == 1_000_000 - 1000
    server.audit("steady")
