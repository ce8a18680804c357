"""One flashsale server as a process of a test: started on free ports with a data folder of its own,
stopped by its own pid whatever happens, and judged by what it left behind.

    with Server(folder) as server:
        buyer = server.login("user_1")
        answer = server.ask("POST", "/purchase/1", buyer, {"quantity": 1})
"""
import ctypes
import functools
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import threading
import time

import http1
import machine

TREE = pathlib.Path(__file__).resolve().parents[2]
SUPPRESSIONS = pathlib.Path(__file__).parent / "lsan.supp"
PASSWORD = "password123"
ADDRESS = re.compile(r"(?:\b127\.0\.0\.1|\b0\.0\.0\.0|\[::1?\]|\blocalhost):([0-9]+)")
UNIX = re.compile(r"unix:(/[^\s,;]+)")
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
           "WARNING: ThreadSanitizer", "AddressSanitizer:DEADLYSIGNAL", "Assertion `",
           "stack smashing detected", "free(): invalid", "double free", "corrupted size")


def binary():
    """The program under test."""
    path = pathlib.Path(os.environ.get("FLASHSALE_BINARY", TREE / "build" / "flashsale"))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: build the server first, or name it by FLASHSALE_BINARY")
    return str(path.resolve())


@functools.lru_cache(maxsize=None)
def sanitizer():
    """"address", "thread" or None, as the program was built."""
    try:
        text = pathlib.Path(binary()).read_bytes()
    except FileNotFoundError:
        return None  # a test that needs no server
    if b"__tsan_init" in text:
        return "thread"
    return "address" if b"__asan_init" in text else None


def slowness():
    """What a time limit is multiplied by."""
    factor = {"thread": 8, "address": 3, None: 1}[sanitizer()]
    return factor * float(os.environ.get("FS_SLOW", "1"))


def strategy():
    return os.environ.get("FS_STRATEGY", "v1")


def nightly():
    return os.environ.get("FS_PROFILE", "ci") == "nightly"


def sized(ci, night):
    """The size of a test by FS_PROFILE."""
    return night if nightly() else ci


def clean_environment(**more):
    """The environment without anything that configures flashsale, and with more."""
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith("FLASHSALE_") and k not in ("WORKERS", "LOG_LEVEL")}
    kept["FLASHSALE_CONFIG"] = ""  # nor this machine's /etc/flashsale
    kept.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    kept.setdefault("LSAN_OPTIONS", f"suppressions={SUPPRESSIONS}:print_suppressions=0")
    kept.update(more)
    return kept


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


LIBC = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no server outlives a killed test run


def run(*args, timeout=20, env=None, cwd=None, stdin=None):
    """The program with args, to its end; the result has returncode, stdout and stderr as text."""
    done = subprocess.run([binary(), *map(str, args)], capture_output=True, text=True, cwd=cwd,
                          timeout=timeout * slowness(), env=clean_environment(**(env or {})),
                          input=stdin, check=False)
    check_reports(done.stdout + done.stderr, f"flashsale {' '.join(map(str, args))}")
    return done


def check_reports(text, where):
    """Fails on a sanitizer's report or a failed assertion in text."""
    for report in REPORTS:
        at = text.find(report)
        if at >= 0:
            raise AssertionError(f"{where}: {text[max(0, at - 200):at + 4000]}")


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


class Server:
    """A server on folder; start() may be called again after its end, on the same data."""

    def __init__(self, folder, *flags, config=None, env=None, listen="127.0.0.1:0",
                 admin="127.0.0.1:0", strategy_name=None):
        self.folder = pathlib.Path(folder)
        self.data_dir = self.folder / "data"
        self.flags = [str(flag) for flag in flags]
        self.env = env or {}
        self.listen = listen
        self.admin_listen = admin
        self.strategy = strategy_name or strategy()
        self.config = None
        if config is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.config = self.folder / "flashsale.yaml"
            self.config.write_text(config)
        self.process = None
        self.address = None  # (host, port)
        self.admin = None    # (host, port) or a path
        self.spawned = None  # when, monotonic
        self.ready_at = None  # the line ready, monotonic
        self.ready_s = None  # from exec to it
        self.waited_s = 0.0  # of these without a processor, though it was ready to run
        self.starts = 0
        self.stopping = threading.Lock()

    def command(self):
        command = [binary(), "serve", "--data-dir", str(self.data_dir)]
        command += ["--strategy", self.strategy] if self.strategy else []
        command += ["-c", str(self.config)] if self.config else []
        command += ["--listen", self.listen] if self.listen else []
        command += ["--admin", self.admin_listen] if self.admin_listen else []
        return command + self.flags

    def spawn(self):
        """Starts the process without waiting."""
        raise_descriptor_limit()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.starts += 1
        self.out_path = self.folder / f"server-{self.starts}.out"
        self.err_path = self.folder / f"server-{self.starts}.err"
        self.spawned = time.monotonic()
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=clean_environment(**self.env), preexec_fn=_die_with_parent)
        return self

    def start(self, timeout=15.0):
        self.spawn()
        code = self.wait_for_end_or_ready(timeout)
        if code is not None:
            raise AssertionError(f"{self.command()} ended with {code} before it was ready:\n"
                                 f"{self.log()}")
        return self

    def wait_for_end_or_ready(self, timeout=15.0):
        """The exit code of a spawned server, or None once it is ready."""
        limit = self.spawned + timeout * slowness()
        while not re.search(r"^\W*ready\b", self.output(), re.M):
            if self.process.poll() is not None:
                return self.process.returncode
            if time.monotonic() > limit:
                self.kill()
                raise AssertionError(f"not ready after {timeout} s:\n{self.log()}")
            time.sleep(0.002)
        self.ready_at = time.monotonic()
        self.ready_s = self.ready_at - self.spawned
        self.waited_s = machine.waited_for_processor(self.pid)
        self._find_addresses()
        return None

    def took_to_be_ready(self, stalls):
        """Seconds of the last start, without those that the machine was not there for it."""
        return self.ready_s - max(self.waited_s, stalls.between(self.spawned, self.ready_at))

    def _find_addresses(self):
        self.address = self.admin = None
        for line in self.output().splitlines():
            word = line.lower()
            ports = [int(p) for p in ADDRESS.findall(line) if int(p) != 0]
            path = UNIX.search(line)
            if "admin" in word and self.admin is None and (ports or path):
                self.admin = path[1] if path else ("127.0.0.1", ports[0])
            elif "listen" in word and self.address is None and ports:
                self.address = ("127.0.0.1", ports[0])
        if not self.address or not self.admin:
            self.kill()
            raise AssertionError(f"the start-up names no listen and admin address:\n{self.log()}")

    def output(self):
        return "".join(p.read_text(errors="replace") for p in (self.out_path, self.err_path)
                       if p.exists())

    def log(self):
        """What the running or last process printed."""
        return f"--- {self.out_path.name}, {self.err_path.name}\n{self.output()[-6000:]}"

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout):
        """The exit code; fails the test when the process is still there after timeout."""
        try:
            return self.process.wait(timeout * slowness())
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.log()}") from None

    def kill(self):
        """SIGKILL, as a crash."""
        if self.is_running():
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def stop(self, timeout=12.0, expect=0):
        """SIGTERM and the exit code; a report of a sanitizer or another code fails the test."""
        with self.stopping:
            if self.process is None:
                return None
            if self.is_running():
                self.signal(signal.SIGTERM)
            code = self.wait(timeout)
            self.check()
            if expect is not None and code != expect:
                raise AssertionError(f"exit code {code}, expected {expect}:\n{self.log()}")
            return code

    def check(self):
        check_reports(self.output(), "server")

    def close(self):
        """For fixtures: nothing of this server is left running; reports fail the test."""
        try:
            if self.is_running():
                self.stop()
        finally:
            self.kill()
        for path in sorted(self.folder.glob("server-*.*")):
            check_reports(path.read_text(errors="replace"), path.name)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *rest):
        if kind is None:
            self.close()
        else:
            self.kill()

    # Asking

    def wire(self, timeout=10.0):
        return http1.Wire(self.address, timeout * slowness())

    def ask(self, method, path, headers=(), body=None, key=None):
        """One request on a connection of its own; body: bytes, or anything JSON can say."""
        return _ask(self.address, method, path, headers, body, key)

    def login(self, name, password=PASSWORD):
        """The Authorization header of a demo buyer."""
        answer = self.ask("POST", "/login", body={"username": name, "password": password})
        assert answer.status == 200, f"log-in of {name}: {answer}"
        return bearer(answer.json()["access_token"])

    def buy(self, product, buyer, units=1, key=None):
        return self.ask("POST", f"/purchase/{product}", buyer, {"quantity": units}, key)

    def stock(self, product):
        answer = self.ask("GET", f"/inventory/{product}")
        assert answer.status == 200, answer
        return answer.json()["stock"]

    # Admin

    @property
    def token_file(self):
        return self.data_dir / "admin.token"

    def admin_token(self):
        return self.token_file.read_text().strip()

    def admin_ask(self, method, path, body=None, token=None, headers=()):
        """With the admin token; token "" asks without one."""
        token = self.admin_token() if token is None else token
        return _ask(self.admin, method, path, [*headers, *(bearer(token) if token else [])], body, None)

    def sale(self, product, **terms):
        """Creates a sale: stock=n and what else the contract names."""
        answer = self.admin_ask("PUT", f"/admin/products/{product}", terms)
        assert answer.status in (200, 201), f"PUT {product} {terms}: {answer}"
        return answer

    def audit(self, product):
        """{term: value}; fails when the sale is not sound."""
        answer = self.admin_ask("GET", f"/admin/products/{product}/audit")
        assert answer.status == 200, answer
        terms = audit_terms(answer.json())
        check_sound(terms)
        return terms


def _ask(address, method, path, headers, body, key):
    headers = list(headers)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.append(("Content-Type", "application/json"))
    if key is not None:
        headers.append(("Idempotency-Key", key))
    with http1.Wire(address, 10.0 * slowness()) as wire:
        return wire.ask(method, path, headers, body)


def audit_terms(value):
    """Every number in an audit's answer by its name, whatever the nesting."""
    terms = {}

    def walk(node, name):
        if isinstance(node, dict):
            if "name" in node and isinstance(node.get("value"), int):
                terms[node["name"]] = node["value"]
            for key, child in node.items():
                walk(child, key)
        elif isinstance(node, list):
            for child in node:
                walk(child, name)
        elif isinstance(node, int) and not isinstance(node, bool):
            terms.setdefault(name, node)

    walk(value, "")
    return terms


def term(terms, *names):
    """The term by the first of names that is there, with or without units_ before it."""
    for name in names:
        for full in (name, f"units_{name}"):
            if full in terms:
                return terms[full]
    raise AssertionError(f"the audit names none of {names}: {sorted(terms)}")


def check_sound(terms):
    """initial + restocked = left + sold + in transit; no difference; nothing negative."""
    bad = {k: v for k, v in terms.items() if k.endswith("_difference") and v != 0}
    assert not bad, f"the audit finds differences: {bad} in {terms}"
    have = term(terms, "initial") + term(terms, "restocked")
    transit = [v for k, v in terms.items() if k in ("in_transit", "units_in_transit")]
    spent = term(terms, "left") + term(terms, "sold") + sum(transit)
    assert have == spent, f"initial + restocked = {have}, left + sold + in transit = {spent}: {terms}"
    negative = {k: v for k, v in terms.items() if k.startswith("units_") and v < 0 and k != "units_restocked"}
    assert not negative, f"negative: {negative}"
