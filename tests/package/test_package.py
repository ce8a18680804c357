"""Builds the example program out of tree against an installation, and lets it serve.

    test_package.py install <build folder> <prefix>
    test_package.py deb <build folder> <work folder>
    test_package.py cmake|pkg-config shared|static <prefix> <work folder> <compiler> <flags> <strategy>
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 60
# Who links to the shared library needs no headers of what it is made of.
ALONE = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("H2O", "OpenSSL", "PkgConfig")]


def run(*command, **more):
    print("+", *command, flush=True)
    return subprocess.run([str(part) for part in command], check=True, text=True, **more)


def find(prefix, name):
    found = sorted(prefix.glob(f"lib/**/{name}"))
    if not found:
        raise SystemExit(f"{name} is not installed below {prefix}/lib")
    return found[0]


def install(build, prefix):
    """A fresh installation, and what must be in it."""
    shutil.rmtree(prefix, ignore_errors=True)
    run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)
    for name in ("libflashsale.so.0", "libflashsale.so", "libflashsale.a", "flashsale.pc",
                 "FlashsaleConfig.cmake", "flashsale/strategies/*.so"):
        print("installed:", find(prefix, name).relative_to(prefix))
    for path in ("bin/flashsale", "include/flashsale/flashsale.h", "include/flashsale/strategy.h",
                 "etc/flashsale/flashsale.yaml", "bin/flashsale-bench",
                 "share/flashsale/scenarios/rush.yaml", "share/flashsale/analyze_results.py",
                 "share/flashsale/bench_compare.py"):
        if not (prefix / path).exists():
            raise SystemExit(f"{path} is not installed")
    listed = run(prefix / "bin" / "flashsale", "strategies", capture_output=True).stdout
    print(listed)
    if "v1" not in listed or str(prefix) not in listed:
        raise SystemExit("the installed program does not find the installed strategies")
    listed = run(prefix / "bin" / "flashsale", "bench", "list", capture_output=True).stdout
    if "rush" not in listed:
        raise SystemExit("the installed flashsale bench does not find the installed scenarios")


def packages_of(programs):
    """The Debian packages of the libraries that the programs themselves ask for."""
    asked = set(re.findall(r"NEEDED\s+(\S+)",
                           run("objdump", "-p", *programs, capture_output=True).stdout))
    found = re.findall(r"(\S+) => (\S+)/", run("ldd", *programs, capture_output=True).stdout)
    patterns = {f"*/{pathlib.Path(folder).name}/{name}" for name, folder in found if name in asked}
    said = run("dpkg-query", "--search", *sorted(patterns), capture_output=True).stdout
    return {line.split(":")[0] for line in said.splitlines()}


def debian_package(build, work):
    """A package that asks for what its programs are linked to, and works where it is unpacked."""
    shutil.rmtree(work, ignore_errors=True)
    run("cpack", "-G", "DEB", "--config", pathlib.Path(build) / "CPackConfig.cmake", "-B", work,
        stdout=subprocess.DEVNULL)
    package = next(work.glob("*.deb"))
    fields = run("dpkg-deb", "--field", package, capture_output=True).stdout
    print(package.name, fields, sep="\n")
    root = work / "root"
    run("dpkg-deb", "--extract", package, root)
    for path in ("etc/flashsale/flashsale.yaml", "usr/lib/systemd/system/flashsale.service",
                 "usr/share/flashsale/scenarios/rush.yaml", "usr/include/flashsale/flashsale.h"):
        if not (root / path).exists():
            raise SystemExit(f"{path} is not in {package.name}")
    programs = [root / "usr/bin/flashsale", root / "usr/bin/flashsale-bench",
                next(root.glob("usr/lib/**/libflashsale.so.0"))]
    asked = set(re.search(r"^Depends: (.*)$", fields, re.M)[1].split(", "))
    if asked != packages_of(programs):
        raise SystemExit(f"it asks for {sorted(asked)}, and needs {sorted(packages_of(programs))}")
    listed = run(programs[0], "strategies", capture_output=True).stdout
    if "v4" not in listed or str(root) not in listed:
        raise SystemExit("the packaged program does not find the packaged strategies")


def build_by_cmake(kind, prefix, work, compiler, flags):
    run("cmake", "-S", HERE / "consumer", "-B", work, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_C_FLAGS={flags}",
        f"-DSHOP_STATIC={'ON' if kind == 'static' else 'OFF'}", *([] if kind == "static" else ALONE))
    run("cmake", "--build", work)


def build_by_pkg_config(kind, prefix, work, compiler, flags):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(find(prefix, "flashsale.pc").parent))
    asked = ["pkg-config", "--cflags", "--libs"] + (["--static"] if kind == "static" else [])
    said = run(*asked, "flashsale", env=environment, capture_output=True).stdout.split()
    if kind == "static":  # beside the shared library the linker would choose that
        said = ["-l:libflashsale.a" if part == "-lflashsale" else part for part in said]
    else:
        said.append(f"-Wl,-rpath,{find(prefix, 'libflashsale.so').parent}")
    run(compiler, *flags.split(), "-D_GNU_SOURCE", "-o", work / "shop", HERE / "example.c", *said)


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def serve(kind, prefix, work, strategy):
    """Starts the program, asks it for a stock, ends its input and expects it to end well."""
    program = work / "shop"
    linked = run("ldd", program, capture_output=True).stdout
    if ("libflashsale.so" in linked) != (kind == "shared"):
        raise SystemExit(f"{program} is not linked as {kind}:\n{linked}")
    environment = dict(os.environ, FLASHSALE_DATA_DIR=str(work / "data"),
                       FLASHSALE_STRATEGY=strategy)
    if kind == "static":  # such a program has no library beside which the strategies lie
        environment["FLASHSALE_STRATEGY_DIR"] = str(find(prefix, "flashsale/strategies"))
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=environment)
    signal.alarm(PATIENCE_S)
    try:
        line = process.stdout.readline()
        address = re.match(r"serving on (127\.0\.0\.1:\d+)$", line)
        if not address:
            raise SystemExit(f"the program said {line!r}")
        status, body = ask(f"http://{address[1]}/inventory/1")
        print(status, body.decode())
        if status != 200 or b'"stock"' not in body:
            raise SystemExit("GET /inventory/1 is not answered")
        process.stdin.close()
        code = process.wait(PATIENCE_S)
        if code != 0:
            raise SystemExit(f"the program ended with {code}")
    finally:
        process.kill()
        process.wait()


def main(what, *args):
    if what == "install":
        install(args[0], pathlib.Path(args[1]))
        return
    if what == "deb":
        debian_package(args[0], pathlib.Path(args[1]))
        return
    kind, prefix, work, compiler, flags, strategy = args
    prefix, work = pathlib.Path(prefix), pathlib.Path(work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    build = {"cmake": build_by_cmake, "pkg-config": build_by_pkg_config}[what]
    build(kind, prefix, work, compiler, flags)
    serve(kind, prefix, work, strategy)


if __name__ == "__main__":
    main(*sys.argv[1:])
