"""A proxy between flashsale and Redis, in a thread of its own, that does harm when it is told to.

    with Proxy(redis.address) as proxy:
        server = Server(folder, "--redis", proxy.url)
        proxy.arm("reset_after", b"{tv}")

Harm is done to the first command that carries the mark, once for each arm():

    reset_before  the command is thrown away and both connections are reset
    reset_after   Redis executes it; its reply is thrown away and both connections are reset
    late_request  the command and all behind it reach Redis only after delay_s
    late_reply    the reply and all behind it reach flashsale only after delay_s
"""
import asyncio
import socket
import struct
import threading
import time

KINDS = ("reset_before", "reset_after", "late_request", "late_reply")
PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() sends a reset


class Harm:
    def __init__(self, kind, mark, skip, delay_s):
        assert kind in KINDS, kind
        self.kind = kind
        self.mark = mark
        self.skip = skip  # this many commands with the mark pass first
        self.delay_s = delay_s
        self.done = threading.Event()  # harm was done
        self.over = threading.Event()  # and what was late has come: Redis has executed it


class Pair:
    """One connection of flashsale and its own one to Redis."""

    def __init__(self, proxy, near, far):
        self.proxy = proxy
        self.near_reader, self.near_writer = near
        self.far_reader, self.far_writer = far
        self.reset_at_reply = []
        self.waiting_for_reply = []
        self.delay_replies_until = 0.0

    async def run(self):
        tasks = [asyncio.create_task(self.requests()), asyncio.create_task(self.replies())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in (self.near_writer, self.far_writer):
            writer.transport.abort()
        for harm in self.reset_at_reply + self.waiting_for_reply:
            harm.done.set()
            harm.over.set()

    def reset(self):
        sock = self.near_writer.get_extra_info("socket")
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    async def requests(self):
        while data := await self.near_reader.read(1 << 20):
            self.proxy.counted(data)
            harm = self.proxy.take_harm(data)
            if harm is None:
                self.far_writer.write(data)
                continue
            if harm.kind == "reset_before":
                self.reset()
                harm.done.set()
                harm.over.set()
                return
            if harm.kind == "reset_after":
                self.reset_at_reply.append(harm)
                data += PING
            elif harm.kind == "late_reply":
                self.delay_replies_until = time.monotonic() + harm.delay_s
                harm.done.set()
            else:
                harm.done.set()
                await asyncio.sleep(harm.delay_s)
            self.far_writer.write(data)
            self.waiting_for_reply.append(harm)

    async def replies(self):
        while data := await self.far_reader.read(1 << 20):
            if self.reset_at_reply:
                # Replies come in order: the harmed command has run when the one behind it is answered.
                while PONG not in data and (more := await self.far_reader.read(1 << 20)):
                    data += more
                self.reset()
                return
            wait = self.delay_replies_until - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self.near_writer.write(data)
            while self.waiting_for_reply:
                self.waiting_for_reply.pop().over.set()


class Proxy:
    """target: (host, port) or the path of a unix socket."""

    def __init__(self, target):
        self.target = target
        self.address = None
        self.harms = []
        self.lock = threading.Lock()
        self.connections = 0
        self.commands = 0
        self.refusing = False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.started = threading.Event()

    @property
    def url(self):
        return "redis://{}:{}".format(*self.address)

    def arm(self, kind, mark, skip=0, delay_s=0.0):
        """The next command with mark (after skip others) is harmed; done is set when it was."""
        harm = Harm(kind, mark, skip, delay_s)
        with self.lock:
            self.harms.append(harm)
        return harm

    def disarm(self, harm):
        """True when it had not been done."""
        with self.lock:
            if harm in self.harms:
                self.harms.remove(harm)
                return True
        return False

    def take_harm(self, data):
        if b"EVAL" not in data:
            return None
        with self.lock:
            for harm in self.harms:
                if harm.mark in data:
                    harm.skip -= 1
                    if harm.skip < 0:
                        self.harms.remove(harm)
                        return harm
        return None

    def counted(self, data):
        self.commands += data.count(b"EVAL")

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self._accepted, "127.0.0.1", 0))
        self.address = server.sockets[0].getsockname()
        self.started.set()
        self.loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _accepted(self, reader, writer):
        self.connections += 1
        try:
            if isinstance(self.target, str):
                far = await asyncio.open_unix_connection(self.target)
            else:
                far = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        await Pair(self, (reader, writer), far).run()

    def __enter__(self):
        self.thread.start()
        self.started.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
