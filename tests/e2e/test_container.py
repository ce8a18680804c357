"""What containers and packages do: a read-only root, any user with group 0, mounted secrets, /etc/flashsale.

Each test runs in a mount namespace of its own, so that nothing on this machine changes."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from flashsale import binary, clean_environment, slowness

UNSHARE = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
HAS_NAMESPACES = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0

pytestmark = pytest.mark.skipif(not HAS_NAMESPACES, reason="this machine lets nobody make mount namespaces")


def within(script, *args, timeout=30, **env):
    """Runs a shell script in a mount namespace."""
    environment = clean_environment(**env)
    if "FLASHSALE_CONFIG" not in env:
        del environment["FLASHSALE_CONFIG"]
    return subprocess.run([*UNSHARE, "sh", "-euc", script, "sh", *map(str, args)], text=True,
                          capture_output=True, timeout=timeout * slowness(), env=environment,
                          check=False)


@pytest.fixture
def etc(folder):
    """A copy of /etc with a flashsale.yaml; mount it with: mount --bind $1 /etc"""
    copy = folder / "etc"
    copy.mkdir()
    for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache"):
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", copy / name)
    (copy / "flashsale").mkdir()
    (copy / "flashsale/flashsale.yaml").write_text(
        f"workers: 7\ndata_dir: {folder}/data\nadmin:\n  listen: 127.0.0.1:1\n")
    return copy


def test_every_command_reads_etc_flashsale_unless_told_otherwise(etc, folder):
    checks = 'mount --bind "$1" /etc; cd "$2"; '
    said = within(checks + '"$3" check-config', etc, folder, binary())
    assert "workers: 7  # /etc/flashsale/flashsale.yaml:1" in said.stdout, said
    said = within(checks + '"$3" stock list', etc, folder, binary())
    assert f"{folder}/data/admin.token" in said.stderr, said
    said = within(checks + '"$3" check-config', etc, folder, binary(), FLASHSALE_CONFIG="")
    assert "workers: 0  # default" in said.stdout, said
    (folder / "flashsale.yaml").write_text("workers: 5\n")
    said = within(checks + '"$3" check-config', etc, folder, binary())
    assert "workers: 5  # ./flashsale.yaml:1" in said.stdout, said
    (folder / "other.yaml").write_text("workers: 4\n")
    said = within(checks + '"$3" check-config -c other.yaml', etc, folder, binary())
    assert "workers: 4  # other.yaml:1" in said.stdout, said
    said = within(checks + '"$3" doctor --set workers=1', etc, folder, binary())
    assert "flashsale.yaml" in said.stdout + said.stderr or said.returncode in (0, 1), said


def serve(folder, before, *flags, user=None):
    """Starts a server in a namespace, waits until it is ready, and stops it; returns what it said.
    user: (uid, gid); the build is then mounted where every user may go."""
    program, become = binary(), ""
    if user:
        (folder / "build").mkdir()
        before += f"; mount --bind {pathlib.Path(binary()).parent} {folder}/build"
        become = f"setpriv --reuid {user[0]} --regid {user[1]} --clear-groups "
        program = folder / "build/flashsale"
        flags += ("--set", f"strategy_dir={folder}/build/strategies")
    script = f'{before}; shift; exec {become}"$@"'
    command = [*UNSHARE, "sh", "-euc", script, "sh", str(folder), program, "serve", "--listen",
               "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", f"{folder}/data", *flags]
    log = folder / "said"
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=clean_environment())
    ends = time.monotonic() + 30 * slowness()
    try:
        while "\nready\n" not in log.read_text():
            assert process.poll() is None and time.monotonic() < ends, log.read_text()
            time.sleep(0.02)
        process.terminate()
        assert process.wait(30 * slowness()) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    return log.read_text()


@pytest.mark.parametrize("strategy", ["v1", "v4"])
def test_a_read_only_root_is_enough(folder, strategy):
    """All is read-only but the data folder; v4 starts private redis-servers in it."""
    (folder / "data").mkdir(mode=0o700)
    said = serve(folder, 'mount --make-rprivate /; mount --bind "$1/data" "$1/data"; '
                 'mount -o remount,bind,ro /; mount -t tmpfs -o ro none /tmp/.ro 2>/dev/null || true',
                 "--strategy", strategy)
    assert f"strategy:      {strategy}" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("strategy", ["v1", "v4"])
def test_any_user_of_group_0_may_use_a_folder_of_group_0(folder, strategy):
    """As OpenShift runs containers: a user that is in no passwd file, with group 0."""
    folder.chmod(0o755)
    (folder / "data").mkdir()
    (folder / "data").chmod(0o770)  # of root:root, as the image has it
    said = serve(folder, "true", "--strategy", strategy, user=(1000650000, 0))
    assert "chmod 700" not in said, said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_mounted_secrets_of_another_owner_are_read(folder):
    """0440 with the pod's group and 0444: how Kubernetes and Docker mount secrets."""
    folder.chmod(0o755)
    (folder / "data").mkdir()
    os.chown(folder / "data", 65534, 65534)
    for name, text, mode, group in (("key", "k" * 40, 0o440, 65534), ("token", "t" * 40, 0o444, 0),
                                    ("services", f"pay admin {'ab' * 32}\n", 0o444, 0)):
        (folder / name).write_text(text)
        (folder / name).chmod(mode)
        os.chown(folder / name, 0, group)
    said = serve(folder, "true", "--strategy", "v1", "--set", f"auth.token_key_file={folder}/key",
                 "--set", f"admin.token_file={folder}/token",
                 "--set", f"service_tokens_file={folder}/services", user=(65534, 65534))
    assert "every user of this machine can read it" in said  # 0444, and no file system in memory
    (folder / "key").chmod(0o460)
    done = subprocess.run([binary(), "check-config", "--probe", "--set",
                           f"auth.token_key_file={folder}/key", "--data-dir", f"{folder}/other"],
                          capture_output=True, text=True, env=clean_environment(), check=False)
    assert done.returncode == 1 and "open to others" in done.stdout + done.stderr, done


def test_the_data_folder_stays_private_to_its_user(folder):
    said = serve(folder, "true", "--strategy", "v1")
    assert "ready" in said
    assert pathlib.Path(folder / "data").stat().st_mode & 0o777 == 0o700
