"""Fixtures and time limits for every pytest of the tree."""
import os
import pathlib
import random
import shutil
import signal
import tempfile

import pytest

import flashsale
import machine


def pytest_addoption(parser):
    parser.addoption("--base-url", default=None,
                     help="a running server for test_concurrency.py; without it one is started")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Each test with its fixtures has its own time limit."""
    marker = item.get_closest_marker("limit")
    seconds = (marker.args[0] if marker else 60) * flashsale.slowness()

    def expired(_signal, _frame):
        raise TimeoutError(f"{item.name}: over its limit of {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what its servers printed."""
    report = (yield).get_result()
    if report.failed:
        for one in _servers_of(item):
            if one.process is not None:
                report.sections.append((f"server {one.folder.name}", one.log()))


def _servers_of(item):
    values = getattr(item, "funcargs", {}).values()
    found = [value for value in values if isinstance(value, flashsale.Server)]
    for value in values:
        found += [s for s in getattr(value, "servers", []) if s not in found]
    return found


@pytest.fixture
def seed(request):
    """FS_SEED, or a new one; printed, so that a failure can be replayed."""
    value = int(os.environ.get("FS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"{request.node.name}: FS_SEED={value}")
    return value


@pytest.fixture
def rng(seed):
    return random.Random(seed)


@pytest.fixture(scope="session")
def stalls():
    """What the machine kept waiting, for tests that measure time; see support/machine.py."""
    one = machine.Stalls()
    try:
        yield one.start()
    finally:
        one.stop()


def _make_folder():
    # Short, since a unix socket's path has 107 bytes; private, since the data folder must be.
    return pathlib.Path(tempfile.mkdtemp(prefix="fs-"))


@pytest.fixture
def folder():
    path = _make_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make_server(folder):
    """make_server(*flags, config=..., env=...): a server that is not started yet, ended with the
    test."""
    servers = []

    def make(*flags, **settings):
        name = settings.pop("name", f"s{len(servers)}")
        servers.append(flashsale.Server(folder / name, *flags, **settings))
        return servers[-1]

    make.servers = servers
    yield make
    _close(servers)


@pytest.fixture
def server(make_server):
    """A started server for one test."""
    return make_server().start()


@pytest.fixture(scope="module")
def shared_server():
    """A started server for a file of tests that keep to products and buyers of their own."""
    path = _make_folder()
    one = flashsale.Server(path)
    try:
        yield one.start()
        _close([one])
    finally:
        one.kill()
        shutil.rmtree(path, ignore_errors=True)


def _close(servers):
    problems = []
    for one in servers:
        try:
            one.close()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)
