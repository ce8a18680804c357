"""check-config --probe and the doctor open the parts of a server as a start does: what one of them refuses,
the others do, too."""
import json
import os
import shutil
import subprocess

import pytest

import flashsale
from flashsale import Server, binary, clean_environment
from named_redis import has_namespaces
from redis_server import RedisServer, free_port

FREE = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]


def rehearse(folder, *flags, env=None):
    data = ["--data-dir", str(folder / "data")]
    probe = flashsale.run("check-config", "--probe", *FREE, *data, *flags, env=env)
    doctor = flashsale.run("doctor", "--json", *FREE, *data, *flags, env=env)
    wrong = [row for row in json.loads(doctor.stdout)
             if row["topic"] == "start" and row["verdict"] == "problem"]
    return probe, wrong


def without_redis(folder):
    """A PATH that has no redis-server."""
    (folder / "bin").mkdir()
    return {"PATH": str(folder / "bin")}


@pytest.mark.parametrize("case, text", [
    ("no redis-server", "(or valkey-server) is not found"),
    ("option", "there is no option batch_maxx"),
    ("value", "mode is 'textbok'"),
    ("v1 option", "there is no option"),
    ("store", "Connection refused"),
    ("policy", "maxmemory-policy allkeys-lru"),
    ("certificate", "No such file or directory"),
    ("access log", "http.access_log"),
])
def test_what_a_start_refuses_is_found_before(folder, case, text):
    redis = RedisServer(folder / "redis", tcp=True, maxmemory_policy="allkeys-lru")
    flags, env = {
        "no redis-server": (["--strategy", "v3"], without_redis(folder)),
        "option": (["--strategy", "v3", "--set", "strategy_options.batch_maxx=3"], None),
        "value": (["--strategy", "v2", "--set", "strategy_options.mode=textbok"], None),
        "v1 option": (["--strategy", "v1", "--set", "strategy_options.nix=1"], None),
        "store": (["--strategy", "v3", "--redis", f"redis://127.0.0.1:{free_port()}"], None),
        "policy": (["--strategy", "v3", "--redis", redis.url], None),
        "certificate": (["--strategy", "v1", "--set", "tls.certificate=/nowhere/a.pem", "--set",
                         "tls.key=/nowhere/a.key"], None),
        "access log": (["--strategy", "v1", "--set", f"http.access_log={folder}/none/a.log"], None),
    }[case]
    if case == "policy":
        redis.start()
    try:
        probe, wrong = rehearse(folder, *flags, env=env)
        assert not (folder / "data").exists(), "a rehearsal leaves nothing behind"
        server = Server(folder / "s", *flags, strategy_name=None, env=env or {})
        server.spawn()
        assert server.wait_for_end_or_ready() != 0, "a start refuses it"
    finally:
        redis.kill()
    assert text in server.log(), server.log()
    assert probe.returncode == 1 and text in probe.stdout, probe.stdout
    assert [row for row in wrong if text in row["found"]], wrong


@pytest.mark.parametrize("strategy", ["v1", "v3"])
def test_what_a_start_accepts_is_fine(folder, strategy):
    probe, wrong = rehearse(folder, "--strategy", strategy)
    assert probe.returncode == 0 and probe.stdout.splitlines()[-1].startswith("ok"), probe.stdout
    assert not wrong
    assert not (folder / "data").exists()
    with Server(folder, strategy_name=strategy) as server:  # beside a server that has the folder
        before = sorted(os.listdir(server.data_dir))
        probe, wrong = rehearse(folder, "--strategy", strategy)
        assert probe.returncode == 0, probe.stdout
        assert sorted(os.listdir(server.data_dir)) == before
        assert server.admin_ask("GET", "/readyz").status == 200


@pytest.mark.skipif(not has_namespaces(), reason="no mount namespaces here")
@pytest.mark.parametrize("is_writable", [True, False])
def test_a_read_only_root_matters_where_the_data_folder_is(folder, is_writable):
    """Everything but the data folder is read-only, also /tmp; or the data folder, too."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    inside = 'mount -o remount,bind,ro / && mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp && '
    if is_writable:
        inside += 'mount --bind "$1" "$1" && mount -o remount,bind,rw "$1" && '
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside + 'shift && exec "$@"', "sh", str(data), binary(),
         "check-config", "--probe", *FREE, "--strategy", "v1", "--data-dir", str(data)],
        capture_output=True, text=True, timeout=60, env=clean_environment(), check=False)
    if "mount" in done.stderr:
        pytest.skip(f"this kernel does not remount here: {done.stderr}")
    assert done.returncode == (0 if is_writable else 1), done.stdout + done.stderr
    if not is_writable:
        assert "Read-only file system" in done.stdout
    shutil.rmtree(data)


def test_check_config_tells_every_mistake_at_once(folder):
    config = folder / "bad.yaml"
    config.write_text("workerss: 3\nlog:\n  level: loud\nredis:\n  urls: {x: 1}\npurchase:\n"
                      "  deadline: 5\nproducts:\n  - id: 1\n    stok: 3\n")
    done = flashsale.run("check-config", "-c", str(config))
    assert done.returncode == 2
    for line in (1, 3, 5, 7, 10):
        assert f"bad.yaml:{line}:" in done.stderr, done.stderr
    done = flashsale.run("check-config", env={"FLASHSALE_WORKERS": "x", "FLASHSALE_LOG_LEVEL": "y"})
    assert "FLASHSALE_WORKERS" in done.stderr and "FLASHSALE_LOG_LEVEL" in done.stderr
    good = flashsale.run("check-config")
    assert good.returncode == 0 and good.stdout.splitlines()[-1].startswith("# ok")
