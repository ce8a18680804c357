"""The program as a shell sees it: exit codes, sentences, JSON."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from flashsale import TREE, Server, clean_environment, run, strategy


def cli_flags(server):
    host, port = server.admin
    return ["--admin", f"{host}:{port}", "--data-dir", server.data_dir]


def stock(server, *args):
    return run("stock", *args, *cli_flags(server))


@pytest.mark.parametrize("args", [["--version"], ["version"]])
def test_version_is_one_line(args):
    done = run(*args)
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", done.stdout)


def test_version_as_json_is_one_object():
    done = run("version", "--json")
    assert done.returncode == 0
    versions = json.loads(done.stdout)
    assert isinstance(versions, dict) and any("flashsale" in name for name in versions)


@pytest.mark.parametrize("args", [["help"], ["--help"], ["help", "serve"], ["help", "stock"],
                                  ["help", "check-config"], ["help", "strategies"]])
def test_help_goes_to_stdout_with_0(args):
    done = run(*args)
    assert done.returncode == 0, done.stderr
    assert "flashsale" in done.stdout


@pytest.mark.parametrize("args", [["--nothing"], ["nothing"], ["serve", "--workers"],
                                  ["serve", "--workers", "x"], ["serve", "--workers", "0"],
                                  ["serve", "--workers", "-1"], ["stock"], ["stock", "nothing"],
                                  ["stock", "set", "1"], ["stock", "add", "1", "x"],
                                  ["help", "nothing"], ["serve", "--listen", "nowhere"],
                                  ["serve", "--listen", "127.0.0.1:99999"],
                                  ["serve", "--set", "nonsense"], ["serve", "--set", "nothing=1"],
                                  ["serve", "--log-level", "loud"], ["serve", "extra"],
                                  ["serve", "--log-format", "xml"]])
def test_wrong_usage_is_2_with_a_sentence(args, folder):
    done = run(*args, cwd=folder)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert len(done.stderr.strip()) > 10
    assert "ready" not in done.stdout


def test_strategies_are_listed():
    done = run("strategies")
    assert done.returncode == 0 and "v1" in done.stdout
    listed = json.loads(run("strategies", "--json").stdout)
    assert "v1" in json.dumps(listed)


@pytest.mark.parametrize("name", ["v9", "/nowhere/x.so", "../v1", "v1;ls", ""])
def test_a_strategy_that_is_not_there_is_refused_with_a_sentence(folder, name):
    done = run("serve", "--strategy", name, "--data-dir", folder / "d", "--listen", "127.0.0.1:0",
               "--admin", "127.0.0.1:0")
    assert done.returncode == 2, done.stderr
    assert "strategy" in done.stderr
    assert not (folder / "d").exists(), "a start that could not be has made its folder"


def test_a_file_that_is_no_strategy_is_refused_with_a_sentence(folder):
    (folder / "no.so").write_bytes(b"not an object")
    (folder / "no.so").chmod(0o644)
    done = run("serve", "--strategy", folder / "no.so", "--data-dir", folder / "d",
               "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    assert done.returncode == 2
    assert "no.so" in done.stderr


def test_a_data_folder_below_nothing_is_2_with_a_sentence(folder):
    done = run("serve", "--strategy", strategy(), "--data-dir", folder / "none" / "d",
               "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    assert done.returncode == 2, done.stderr
    assert "none/d" in done.stderr


def test_the_stock_commands_go_round(server):
    listed = stock(server, "list")
    assert listed.returncode == 0, listed.stderr
    for product in range(1, 11):
        assert re.search(rf"\b{product}\b", listed.stdout)
    assert stock(server, "set", "round", "30").returncode == 0
    assert server.stock("round") == 30
    assert stock(server, "add", "round", "12").returncode == 0
    assert server.stock("round") == 42
    assert server.buy("round", server.login("user_1"), 2).status == 200
    shown = stock(server, "show", "round")
    assert shown.returncode == 0 and re.search(r"\b40\b", shown.stdout), shown.stdout
    audited = stock(server, "audit", "round")
    assert audited.returncode == 0 and "40" in audited.stdout, audited.stdout


def test_every_change_of_a_sale_has_a_command_and_a_key_makes_it_once(server):
    for state, word in (("paused", "pause"), ("open", "open"), ("closed", "close")):
        assert stock(server, word, "2").returncode == 0
        assert server.ask("GET", "/inventory/2").json()["state"] == state
    for _ in range(3):
        assert stock(server, "add", "2", "5", "--key", "restock-1", "--operator", "Ann").returncode == 0
    assert server.stock("2") == 105, "a repeated restock added twice"
    for _ in range(2):
        assert stock(server, "set", "3", "7", "--reset", "--key", "anew").returncode == 0
    assert '"epoch": 2' in stock(server, "show", "3", "--json").stdout
    if server.strategy != "v4":
        assert run("stock", *cli_flags(server), "add", "2", "--", "-105").returncode == 0
        assert server.stock("2") == 0
    assert stock(server, "limits", "3", "4", "-").returncode == 0
    assert '"per_user_max": 4' in stock(server, "show", "3", "--json").stdout
    assert stock(server, "window", "3", "2040-01-01T00:00:00Z", "-").returncode == 0
    assert stock(server, "window", "3", "-", "2039-01-01T00:00:00Z").returncode == 1
    assert stock(server, "delete", "3").returncode == 1
    assert stock(server, "delete", "3", "--force").returncode == 0
    assert server.ask("GET", "/inventory/3").status == 404
    assert '"operator":"Ann"' in (server.data_dir / "audit.log").read_text()
    assert "did you mean stock window" in stock(server, "windwo", "3").stderr


def test_a_change_whose_answer_is_lost_says_how_it_is_repeated(folder):
    (folder / "t").write_text("x" * 40)
    done = run("stock", "add", "1", "5", "--admin", "127.0.0.1:1", "--token-file", folder / "t")
    assert done.returncode == 1 and "--key " in done.stderr, done


def test_stock_set_on_a_sale_that_is_there_sets_it_or_says_why_not(server):
    done = stock(server, "set", "1", "55")
    assert done.returncode == 1 and server.stock("1") == 100
    assert "--reset" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert "true" not in done.stderr and "409" not in done.stderr, done.stderr
    assert stock(server, "set", "1", "55", "--reset").returncode == 0
    assert server.stock("1") == 55
    assert "--reset" in run("help", "stock").stdout.splitlines()[0]


def test_the_printed_example_of_an_admin_call_works_as_it_is(server):
    line = re.search(r"^  (\S+ stock list .*)$", server.output(), re.M)
    assert line, server.output()
    done = subprocess.run(line[1].split(), capture_output=True, text=True, timeout=20, check=False,
                          env=clean_environment())
    assert done.returncode == 0 and "PRODUCT" in done.stdout, done.stderr


def test_stock_list_is_in_the_order_of_numbers_and_shows_no_limit_as_none(server):
    server.sale("a-word", stock=5, per_user_max=3)
    lines = [line.split() for line in stock(server, "list").stdout.splitlines()]
    assert [line[0] for line in lines[1:]] == [*map(str, range(1, 11)), "a-word"], lines
    assert lines[1][-2:] == ["-", "-"] and lines[-1][-2:] == ["3", "-"], lines


@pytest.mark.parametrize("args", [["show", "nothing"], ["audit", "nothing"], ["add", "nothing", "1"]])
def test_stock_of_what_is_not_there_is_1_with_a_sentence(server, args):
    done = stock(server, *args)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert len(done.stderr.strip()) > 10


def test_stock_without_a_server_is_1_with_a_sentence(folder):
    (folder / "d").mkdir(mode=0o700)
    (folder / "d" / "admin.token").write_text("x" * 43)
    (folder / "d" / "admin.token").chmod(0o600)
    done = run("stock", "list", "--admin", "127.0.0.1:1", "--data-dir", folder / "d")
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.strip()) > 10


def test_two_servers_on_one_port_the_second_says_so(server, make_server):
    port = server.address[1]
    second = make_server(listen=f"127.0.0.1:{port}").spawn()
    assert second.wait(10) == 1, second.log()
    assert str(port) in second.output(), second.log()
    assert server.stock("1") == 100


@pytest.mark.skipif(strategy() != "v1", reason="only v1 keeps its units in one process")
def test_two_servers_on_one_data_folder_the_second_is_refused(server, folder):
    second = Server(folder / "second")
    second.data_dir = server.data_dir
    try:
        second.spawn()
        assert second.wait(10) in (1, 2), second.log()
        assert "use" in second.output() or "lock" in second.output(), second.log()
    finally:
        second.kill()
    assert server.buy("1", server.login("user_1")).status == 200


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_demo_log_ins_are_refused_on_an_open_address(make_server, listen):
    one = make_server(listen=listen).spawn()
    assert one.wait(10) == 2, one.log()
    assert "demo" in one.output(), one.log()


def test_demo_log_ins_on_an_open_address_are_there_by_force_with_a_loud_line(make_server):
    one = make_server("--set", "auth.demo_anywhere=true", listen="0.0.0.0:0").start()
    assert re.search("(?i)(warn|!).*demo|demo.*(anybody|anyone|warn)", one.output()), one.output()
    assert one.buy("1", one.login("user_1")).status == 200


def test_a_start_says_what_it_did(server):
    text = server.output()
    for part in (r"\d+\.\d+\.\d+", strategy(), r"127\.0\.0\.1:%d" % server.address[1],
                 r"(?i)durability|journal|aof", r"(?i)workers?", r"(?i)config"):
        assert re.search(part, text), f"{part} is not in:\n{text}"


def test_workers_and_log_level_of_the_plan_come_from_the_environment(make_server):
    one = make_server(env={"WORKERS": "4", "LOG_LEVEL": "WARNING"}).start()
    assert re.search(r"(?im)workers?\W+4\b|\b4 workers", one.output()), one.output()
    assert len(os.listdir(f"/proc/{one.pid}/task")) >= 4
    one.stop()


def test_a_flag_wins_over_the_environment_and_that_over_the_file(make_server):
    one = make_server("--workers", "1", config="workers: 3\n",
                      env={"WORKERS": "2", "FLASHSALE_WORKERS": "2"}).start()
    assert re.search(r"(?im)workers?\W+1\b|\b1 worker", one.output()), one.output()
    two = make_server(config="workers: 3\n", env={"FLASHSALE_WORKERS": "2"}).start()
    assert re.search(r"(?im)workers?\W+2\b|\b2 workers", two.output()), two.output()
    three = make_server(config="workers: 3\n").start()
    assert re.search(r"(?im)workers?\W+3\b|\b3 workers", three.output()), three.output()


@pytest.mark.parametrize("text, line", [
    ("workres: 2\n", 1), ("workers: 2\nlissten: x\n", 2), ("workers: many\n", 1),
    ("workers: 2\nworkers: 3\n", 2), ("workers: [\n", None), ("- 1\n", 1), ("workers: -1\n", 1),
    ("strategy: v1\nhttp2: perhaps\n", 2), ("workers: 2\n\tstrategy: v1\n", 2)])
@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_a_wrong_configuration_is_2_with_file_line_and_column(folder, command, text, line):
    path = folder / "wrong.yaml"
    path.write_text(text)
    done = run(command, "-c", path, *([] if command == "check-config" else
                                      ["--data-dir", folder / "d", "--listen", "127.0.0.1:0",
                                       "--admin", "127.0.0.1:0"]))
    assert done.returncode == 2, (done.returncode, done.stderr)
    found = re.search(r"wrong\.yaml:(\d+):(\d+)", done.stderr)
    assert found, done.stderr
    assert line is None or int(found[1]) == line, done.stderr


def test_an_unknown_key_comes_with_a_suggestion(folder):
    path = folder / "typo.yaml"
    path.write_text("workres: 2\n")
    done = run("check-config", "-c", path)
    assert done.returncode == 2
    assert re.search("did you mean.*workers", done.stderr), done.stderr


def test_a_configuration_file_that_is_not_there_is_2(folder):
    done = run("check-config", "-c", folder / "none.yaml")
    assert done.returncode == 2 and "none.yaml" in done.stderr


def test_the_documented_configuration_is_right():
    done = run("check-config", "-c", TREE / "config" / "flashsale.yaml")
    assert done.returncode == 0, done.stderr


def test_http2_waits_for_tls(make_server):
    server = make_server(config="http2: true\n").start()
    assert "(cleartext)" in server.output() and server.ask("GET", "/inventory/1").status == 200


def test_sighup_without_a_file_changes_nothing(server):
    for _ in range(3):
        server.signal(signal.SIGHUP)
        time.sleep(0.05)
    assert server.stock("1") == 100
    assert server.stop() == 0
