"""v1's files when something else has written to them: refused with a sentence, or exactly what was
acknowledged; never a server that sells from a wrong stock."""
import shutil

import pytest

from flashsale import sized, strategy

pytestmark = pytest.mark.skipif(strategy() != "v1", reason="only v1 has a journal")


@pytest.fixture
def killed(make_server):
    """A server killed after 200 purchases; (server, buyer, {order: units})."""
    server = make_server().start()
    server.sale("sold", stock=1000)
    buyer = server.login("user_1")
    orders = {}
    for number in range(200):
        answer = server.buy("sold", buyer, 1 + number % 3)
        orders[answer.json()["order_id"]] = answer.json()["quantity"]
    server.kill()
    return server, buyer, orders


def biggest_file(folder):
    """The file with the most bytes that are not zero, and where the last of them is."""
    best, end = None, 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        used = len(path.read_bytes().rstrip(b"\0"))
        if used > end:
            best, end = path, used
    return best, end


@pytest.mark.limit(90)
def test_a_flipped_bit_amid_the_journal_is_refused(killed, rng):
    server, _, _ = killed
    kept = server.folder / "kept"
    shutil.copytree(server.data_dir, kept)
    flips = sized(25, 1000)
    for number in range(flips):
        path, end = biggest_file(server.data_dir)
        at, bit = rng.randrange(end * 8 // 10), rng.randrange(8)
        data = bytearray(path.read_bytes())
        data[at] ^= 1 << bit
        path.write_bytes(data)
        server.spawn()
        code = server.wait_for_end_or_ready()
        assert code == 1, f"flip {number}, byte {at} bit {bit} of {path.name}: {code}\n{server.log()}"
        assert path.name in server.output(), server.log()
        shutil.rmtree(server.data_dir)
        shutil.copytree(kept, server.data_dir)
    print(f"{flips} flips, each refused")
    server.start()
    server.audit("sold")


@pytest.mark.limit(90)
def test_a_journal_cut_anywhere_gives_back_a_prefix_or_is_refused(killed, rng):
    server, buyer, orders = killed
    kept = server.folder / "kept"
    shutil.copytree(server.data_dir, kept)
    cuts, served = sized(25, 500), 0
    for _ in range(cuts):
        path, end = biggest_file(server.data_dir)
        with open(path, "r+b") as file:
            file.truncate(rng.randrange(end))
        server.spawn()
        if server.wait_for_end_or_ready() is None:
            served += 1
            check_prefix(server, buyer, orders)
            server.kill()
        shutil.rmtree(server.data_dir)
        shutil.copytree(kept, server.data_dir)
    print(f"{cuts} cuts, {served} served a prefix")
    assert served > 0, "no cut left anything to look at"


def check_prefix(server, buyer, orders):
    """The orders that are found are the first of those made, and the stock is what they leave."""
    if server.ask("GET", "/inventory/sold").status == 404:
        return
    found = [server.ask("GET", f"/orders/{order}", buyer).status == 200 for order in orders]
    assert found == sorted(found, reverse=True), "an order is missing before one that is there"
    units = sum(n for n, there in zip(orders.values(), found) if there)
    assert server.stock("sold") == 1000 - units
    server.audit("sold")
