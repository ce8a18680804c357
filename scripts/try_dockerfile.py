#!/usr/bin/env python3
"""Carries out the steps of docker/Dockerfile without a container engine, and then the container.

    scripts/try_dockerfile.py [--keep] [--folder DIR] [--mirror URL]

Each stage is a Debian of its own, made by debootstrap; RUN goes through chroot, COPY copies what git
has committed, and the result is started as the image's user in a network of its own: it must become
healthy, sell a unit, keep it over a restart, and end on its STOPSIGNAL with exit code 0.
Needs root, debootstrap and curl.  Exit code 0: all held; 1: something did not; 2: cannot run here.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[1]
BASES = {"debian:bookworm-slim": "bookworm"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Stage:
    """A file system, and what the image's settings are so far."""

    def __init__(self, root):
        self.root = root
        self.env = {"PATH": PATH}
        self.workdir = "/"
        self.user = "root"
        self.settings = {}


def fail(text, code=1):
    print(f"try_dockerfile: {text}", file=sys.stderr)
    sys.exit(code)


def say(text):
    print(f"== {text}", flush=True)


def instructions(path):
    """(NAME, rest) of each instruction, continued lines joined, comments left out."""
    text = "\n".join(l for l in path.read_text().splitlines() if not l.lstrip().startswith("#"))
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            name, rest = line.strip().split(None, 1)
            yield name.upper(), rest.strip()


def in_root(stage, command, user="root", network=True, **more):
    """Starts command in the stage's file system, as the engine would."""
    prefix = [] if network else ["unshare", "--net", "--"]
    setup = ["chroot", f"--userspec={user}", str(stage.root), "/usr/bin/env", "-i",
             *(f"{k}={v}" for k, v in stage.env.items()),
             "/bin/sh", "-c", f"cd {shlex.quote(stage.workdir)} && {command}"]
    return subprocess.Popen(prefix + setup, **more)


def make_base(folder, image, mirror):
    if image not in BASES:
        fail(f"FROM {image}: only {', '.join(BASES)} can be made here", 2)
    base = folder / "base"
    if not base.exists():
        say(f"debootstrap {BASES[image]}")
        done = subprocess.run(["debootstrap", "--variant=minbase", BASES[image], str(base), mirror],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            fail(f"debootstrap: {done.stdout[-1000:]}", 2)
        shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
    return base


def copy(stage, stages, rest):
    words = shlex.split(rest)
    target = stage.root / os.path.join(stage.workdir, words[-1]).lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    if words[0].startswith("--from="):
        source = stages[words[0][7:]].root / words[1].lstrip("/")
        subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
    elif words[0] == ".":
        tar = subprocess.Popen(["git", "-C", str(TREE), "archive", "HEAD"], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(target)], stdin=tar.stdout, check=True)
        if tar.wait() != 0:
            fail("git archive")
    else:
        fail(f"COPY {rest}: not understood")


def build(folder, dockerfile, mirror):
    """Returns the last stage."""
    stages = {}
    stage = None
    for name, rest in instructions(dockerfile):
        if name == "FROM":
            image, alias = (rest.split() + ["as", f"stage-{len(stages)}"])[0:3:2]
            root = folder / alias
            subprocess.run(["cp", "-a", str(make_base(folder, image, mirror)), str(root)], check=True)
            stage = stages[alias] = Stage(root)
            say(f"FROM {rest}")
        elif name == "RUN":
            say(f"RUN {rest[:90]}")
            done = in_root(stage, rest, stage.user, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
            output = done.communicate()[0]
            if done.returncode != 0:
                fail(f"RUN {rest}\n{output[-3000:]}")
        elif name == "COPY":
            say(f"COPY {rest}")
            copy(stage, stages, rest)
        elif name == "ENV":
            stage.env.update(word.split("=", 1) for word in shlex.split(rest))
        elif name == "WORKDIR":
            stage.workdir = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "USER":
            stage.user = rest
        else:
            stage.settings[name] = rest
    return stage


def userspec(user):
    """A user without a group has the group of its name."""
    return user if ":" in user else f"{user}:{user}"


class Container:
    """The image's command, as its user, alone in a network."""

    def __init__(self, stage):
        command = json.loads(stage.settings["ENTRYPOINT"]) + json.loads(stage.settings["CMD"])
        self.stage = stage
        self.log = tempfile.TemporaryFile("w+")
        line = "exec " + shlex.join(command)
        # lo is brought up as root; the command runs as the image's user in that same network.
        self.process = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", "--", "sh", "-c",
             'ip link set lo up; exec "$@"', "sh", "chroot", f"--userspec={userspec(stage.user)}",
             str(stage.root), "/usr/bin/env", "-i",
             *(f"{k}={v}" for k, v in stage.env.items()),
             "/bin/sh", "-c", f"cd {shlex.quote(stage.workdir)} && {line}"],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.pid = self._inner()

    def _inner(self):
        """The command's own pid: the only child of unshare."""
        until = time.monotonic() + 10
        while time.monotonic() < until and self.process.poll() is None:
            children = pathlib.Path(
                f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                return int(children[0])
            time.sleep(0.05)
        return 0  # it has ended: whoever waits for it sees why

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def beside(self, *command, root=False):
        """Runs a command in the container's network: in its file system, or in ours."""
        enter = ["nsenter", "--net", "--target", str(self.pid), "--"]
        if not root:
            enter += ["chroot", f"--userspec={self.stage.user}:{self.stage.user}",
                      str(self.stage.root), "/usr/bin/env", "-i",
                      *(f"{k}={v}" for k, v in self.stage.env.items())]
        return subprocess.run(enter + list(command), capture_output=True, text=True, timeout=30)

    def wait_until_healthy(self):
        check = json.loads(self.stage.settings["HEALTHCHECK"].split("CMD", 1)[1])
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            done = self.beside(*check)
            if done.returncode == 0:
                return
            time.sleep(0.2)
        fail(f"it did not become healthy:\n{self.output()}")

    def ask(self, *arguments):
        done = self.beside("curl", "-sS", "--max-time", "10", *arguments, root=True)
        if done.returncode != 0:
            fail(f"curl {arguments}: {done.stderr}\n{self.output()}")
        return json.loads(done.stdout)

    def stop(self):
        """Its exit code after STOPSIGNAL."""
        os.kill(self.pid, getattr(signal, self.stage.settings["STOPSIGNAL"]))
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def expect(what, found, wanted):
    print(f"   {what}: {found}", flush=True)
    if found != wanted:
        fail(f"{what}: {found!r}, expected {wanted!r}")


def try_image(stage):
    shop = "http://127.0.0.1:8000"
    expect("user", stage.user != "root", True)
    refused = Container(stage)
    expect("exit code with demo log-ins for everybody", refused.process.wait(15), 2)
    stage.env["FLASHSALE_AUTH_DEMO_ANYWHERE"] = "true"  # docker run -e
    first = Container(stage)
    try:
        first.wait_until_healthy()
        status = pathlib.Path(f"/proc/{first.pid}/status").read_text()
        expect("runs as root", re.search(r"^Uid:\s+0", status, re.M) is not None, False)
        token = first.ask(f"{shop}/login", "-d", '{"username":"user_1","password":"password123"}')
        order = first.ask(f"{shop}/purchase/1", "-d", '{"quantity":1}', "-H",
                          f"Authorization: Bearer {token['access_token']}")
        expect("sold", order["quantity"], 1)
        expect("exit code after STOPSIGNAL", first.stop(), 0)
    finally:
        first.kill()
    second = Container(stage)
    try:
        second.wait_until_healthy()
        expect("stock after a restart", second.ask(f"{shop}/inventory/1")["stock"], 99)
        expect("exit code after STOPSIGNAL", second.stop(), 0)
    finally:
        second.kill()


def default_mirror():
    for path in [pathlib.Path("/etc/apt/sources.list"),
                 *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.is_file():
            found = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+)", path.read_text(), re.M)
            if found:
                return found[1]
    return fail("no mirror in /etc/apt: name one by --mirror", 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    parser.add_argument("--folder", type=pathlib.Path, help="where the file systems are made")
    parser.add_argument("--mirror", help="Debian mirror; default: the first of /etc/apt")
    options = parser.parse_args()
    for program in ("debootstrap", "curl", "unshare", "nsenter", "ip"):
        if not shutil.which(program):
            fail(f"{program} is missing: apt install debootstrap curl util-linux iproute2", 2)
    if os.geteuid() != 0:
        fail("needs root, for chroot", 2)
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="flashsale-image-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o755)
    try:
        stage = build(folder, TREE / "docker" / "Dockerfile", options.mirror or default_mirror())
        say("the container")
        try_image(stage)
        size = subprocess.run(["du", "-sm", str(stage.root)], capture_output=True, text=True)
        say(f"all held; the image's file system is {size.stdout.split()[0]} MiB")
    finally:
        if not options.keep and not options.folder:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
