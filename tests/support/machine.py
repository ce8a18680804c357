"""What the machine itself kept waiting, beside a test that measures time: a server cannot answer while
the system runs something else, or the disk takes its time.

    took -= stalls.between(begun, ended)

A process of its own sleeps and syncs a file again and again, and writes down each time that took longer
than it takes on a machine at rest.  A limit holds for what is left without those times.
"""
import mmap
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

NAP_S = 0.002
NAP_LATE_S = 0.005   # later than this is a stall
SYNC_EVERY_S = 0.05
SYNC_LONG_S = 0.02   # so is a longer sync
ROOM = 100_000
RECORD = struct.Struct("dd")  # begin and length, of time.monotonic()


def waited_for_processor(pid):
    """Seconds that a process and its children were ready to run and had no processor; of their first
    threads.  0 where the kernel does not tell."""
    folder = pathlib.Path(f"/proc/{pid}")
    try:
        waited_s = int((folder / "schedstat").read_text().split()[1]) / 1e9
        children = [pid for path in folder.glob("task/*/children") for pid in path.read_text().split()]
    except (OSError, IndexError):
        return 0.0
    return waited_s + sum(map(waited_for_processor, children))


class Stalls:
    """Watches from start to stop."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fs-")
        self.process = None

    def start(self):
        path = pathlib.Path(self.folder.name) / "stalls"
        with open(path, "w+b") as file:
            file.truncate(8 + ROOM * RECORD.size)
            self.records = mmap.mmap(file.fileno(), 0)
        self.process = subprocess.Popen([sys.executable, "-B", __file__, str(path), str(os.getpid())],
                                        stdin=subprocess.DEVNULL)
        return self

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def of(self, begun, ended):
        """(begin, end) of each stall that touches the span, cut to it."""
        count, = struct.unpack_from("q", self.records, 0)
        for number in range(count):
            at, length = RECORD.unpack_from(self.records, 8 + number * RECORD.size)
            if at < ended and at + length > begun:
                yield max(at, begun), min(at + length, ended)

    def between(self, begun, ended):
        """Seconds of the span that the machine was not there for a process that wanted to run."""
        time.sleep(2 * NAP_S)  # a stall is written down when it is over
        total, until = 0.0, begun
        for at, end in sorted(self.of(begun, ended)):
            total += max(0.0, end - max(at, until))
            until = max(until, end)
        return total

    def longest(self, begun, ended):
        """The longest of them."""
        time.sleep(2 * NAP_S)
        return max((end - at for at, end in self.of(begun, ended)), default=0.0)


def watch(path, parent):
    with open(path, "r+b") as file, open(path + ".sync", "wb", buffering=0) as synced:
        records = mmap.mmap(file.fileno(), 0)
        count, next_sync = 0, 0.0
        while count < ROOM and os.getppid() == parent:
            begun = time.monotonic()
            time.sleep(NAP_S)
            late = time.monotonic() - begun - NAP_S
            stall = (begun + NAP_S, late) if late > NAP_LATE_S else None
            if not stall and begun > next_sync:
                begun = time.monotonic()
                synced.write(b"x" * 4096)
                os.fdatasync(synced.fileno())
                ended = time.monotonic()
                next_sync = ended + SYNC_EVERY_S
                stall = (begun, ended - begun) if ended - begun > SYNC_LONG_S else None
            if stall:
                RECORD.pack_into(records, 8 + count * RECORD.size, *stall)
                count += 1
                struct.pack_into("q", records, 0, count)


if __name__ == "__main__":
    watch(sys.argv[1], int(sys.argv[2]))
