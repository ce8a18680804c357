"""The API's description is whole, valid, and the same on both listeners."""
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest

import flashsale
import openapi

ROUTES = flashsale.TREE / "core" / "http" / "routes.c"


PAGE = re.compile(r"/$|/docs$|/web/")  # for people, not for programs


@pytest.fixture(name="document")
def fixture_document(shared_server):
    return openapi.Document(shared_server)


def test_both_listeners_serve_the_file_of_the_tree(shared_server):
    file = (flashsale.TREE / "core" / "http" / "openapi.json").read_bytes()
    assert shared_server.ask("GET", "/openapi.json").body == file
    assert shared_server.admin_ask("GET", "/openapi.json", token="").body == file


def test_every_route_is_described_and_nothing_else(document):
    rows = re.findall(r'\{"([A-Z]+)", "(/[^"]*)", (NULL|"[^"]*")', ROUTES.read_text())
    routes = {(method, prefix if suffix == "NULL" else prefix + "ID" + suffix.strip('"'))
              for method, prefix, suffix in rows if not PAGE.match(prefix)}
    described = {(method, re.sub(r"\{[a-z]+\}", "ID", path))
                 for method, path in document.operations()}
    assert len(routes) >= 14
    assert described == routes


def test_it_names_the_version_of_the_program(document, shared_server):
    verbose = shared_server.admin_ask("GET", "/readyz?verbose").json()
    assert document.json["info"]["version"] == verbose["version"]


def test_its_examples_are_what_it_describes(document):
    for path, item in document.json["paths"].items():
        for method, operation in item.items():
            if method == "servers":
                continue
            bodies = [operation.get("requestBody", {})]
            bodies += [document.resolve(r) for r in operation["responses"].values()]
            for body in bodies:
                for media in body.get("content", {}).values():
                    if "example" in media:
                        jsonschema.Draft202012Validator(
                            media["schema"], resolver=document.resolver).validate(media["example"])


def examples(document):
    """{language: source} of what the document has for people to copy."""
    return {sample["lang"]: sample["source"] for item in document.json["paths"].values()
            for operation in item.values() if isinstance(operation, dict)
            for sample in operation.get("x-codeSamples", [])}


def node():
    """A Node.js that has fetch(), or None."""
    program = shutil.which("node")
    if program:
        version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        if int(re.match(r"v(\d+)", version)[1]) < 18:
            program = None
    return program


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_an_example_that_is_copied_buys(document, shared_server, folder, language):
    assert sorted(examples(document)) == ["JavaScript", "Python", "curl"]
    command = {"curl": ["/bin/sh", "-euc"], "Python": ["/usr/bin/python3", "-c"],
               "JavaScript": [node(), "--input-type=module", "--eval"]}[language]
    if command[0] is None:
        pytest.skip("there is no Node.js of version 18 or later")
    tools = folder / "tools"  # what a small machine has beside the shell
    tools.mkdir(parents=True)
    for name in ("curl", "sed"):
        os.symlink(shutil.which(name), tools / name)
    source = examples(document)[language].replace("127.0.0.1:8000",
                                                  ":".join(map(str, shared_server.address)))
    done = subprocess.run([*command, source], capture_output=True, text=True, timeout=30,
                          env={"PATH": str(tools)})
    assert done.returncode == 0 and not done.stderr, done
    assert "order_id" in done.stdout, done


def test_codes_that_are_described_are_those_of_the_server(document):
    table = (pathlib.Path(ROUTES).parent / "problem.c").read_text()
    codes = set(re.findall(r'\] = \{"([a-z_]+)", \d+', table))
    described = set()

    def walk(node):
        if isinstance(node, dict):
            described.update(node.get("code", {}).get("enum", [])
                             if isinstance(node.get("code"), dict) else [])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document.json)
    assert codes == described


def test_a_lie_is_found(document, shared_server):
    answer = shared_server.ask("GET", "/inventory/1")
    document.check("GET", "/inventory/1", answer)
    answer.body = answer.body.replace(b'"open"', b'"ajar"')
    with pytest.raises(AssertionError, match="ajar"):
        document.check("GET", "/inventory/1", answer)
