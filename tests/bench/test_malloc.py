"""After warm-up a purchase allocates nothing of ours.

    test_malloc.py FLASHSALE MALLOC_COUNT_SO STRATEGY...

For each strategy: 2,000 purchases to warm up, then 5,000 more over one keep-alive connection, during
which flashsale's own code must not have asked for memory even once in a hundred purchases.  (Not
"never": the admin's clock tick and a table that grows once may fall into the span.)
"""

import http.client
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile

WARM, MEASURED = 2000, 5000


def start(flashsale, preload, strategy, folder):
    counts = folder / "counts"
    counts.write_bytes(bytes(16))
    process = subprocess.Popen(
        [flashsale, "--strategy", strategy, "--listen", "127.0.0.1:0",
         "--admin", f"unix:{folder}/admin.sock", "--workers", "1", "--data-dir", f"{folder}/data",
         "--set", "products=1:1000000"],
        env={**os.environ, "LD_PRELOAD": preload, "MALLOC_COUNT": str(counts)},
        stdout=subprocess.PIPE, text=True)
    port = None
    for line in process.stdout:
        found = re.search(r"listen\w*:.*?127\.0\.0\.1:(\d+)", line)
        port = int(found.group(1)) if found else port
        if line.strip() == "ready":
            return process, port, counts
    sys.exit(f"{strategy}: the server did not get ready")


def buy(connection, token, first, number):
    for n in range(first, first + number):
        connection.request("POST", "/purchase/1", '{"quantity": 1}',
                           {"Authorization": "Bearer " + token, "Idempotency-Key": f"key-{n}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(f"purchase {n}: {answer.status} {body}")


def measure(flashsale, preload, strategy):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        process, port, counts = start(flashsale, preload, strategy, folder)
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", "/login",
                               '{"username": "user_1", "password": "password123"}')
            token = json.loads(connection.getresponse().read())["access_token"]
            buy(connection, token, 0, WARM)
            before = struct.unpack("QQ", counts.read_bytes())
            buy(connection, token, WARM, MEASURED)
            after = struct.unpack("QQ", counts.read_bytes())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    return after[0] - before[0], after[1] - before[1], before[0]


def main():
    failed = 0
    for strategy in sys.argv[3:]:
        ours, others, started = measure(sys.argv[1], sys.argv[2], strategy)
        fine = ours * 100 <= MEASURED and started > 0
        failed += not fine
        print(f"{strategy}: {MEASURED} purchases: {ours} allocations of ours, {others} of libraries "
              f"(before: {started} of ours): {'fine' if fine else 'TOO MANY'}")
    print(f"{len(sys.argv) - 3 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
