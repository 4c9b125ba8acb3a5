"""A way to the database that can be cut: ``python -m tests.faults.proxy PORT SOCKET`` hands every connection on to a Unix socket.

Orders come as lines of standard input: ``cut`` (every connection is reset, new ones are refused by a reset), ``freeze`` (nothing is
handed on any more, nothing is closed), ``open``. Each is acknowledged by a line; the end of the input ends the process.
"""

from __future__ import annotations

import asyncio
import os
import sys


class _Proxy:
    def __init__(self, target: str) -> None:
        self._target = target
        self._open = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self.running: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        if not self._open:
            writer.transport.abort()
            return
        try:
            inner_reader, inner_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, inner_writer}
        self._ends |= ends
        await asyncio.gather(self._hand_on(reader, inner_writer), self._hand_on(inner_reader, writer))
        self._ends -= ends

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def obey(self, order: str) -> None:
        self._open = order != "cut"
        if order == "freeze":
            self._flowing.clear()
        else:
            self._flowing.set()
        if order == "cut":
            for end in self._ends:
                end.transport.abort()


async def _serve(port: int, target: str) -> None:
    loop, proxy, ended = asyncio.get_running_loop(), _Proxy(target), asyncio.Event()
    server = await asyncio.start_server(proxy.take, "127.0.0.1", port)

    def hear() -> None:
        data = os.read(0, 4096)
        if not data:
            ended.set()
        for order in data.decode().split():
            proxy.obey(order)
            os.write(1, b"done\n")

    os.write(1, b"%d\n" % server.sockets[0].getsockname()[1])
    loop.add_reader(0, hear)
    await ended.wait()
    proxy.obey("cut")
    await asyncio.gather(*proxy.running)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
