"""The peer of python.test.ts: an echo server, or a client that tries all it knows; both say what they did on stdout."""

import asyncio
import json
import sys

import websockets

SIZES = [0, 125, 126, 65535, 65536, 1 << 20]
LIMIT = 1 << 22


def bodies(size):
    yield "a" * size
    yield "é" * (size // 2) + "a" * (size % 2)
    yield bytes((index * 7) & 255 for index in range(size))


async def answer(socket):
    # Not "async for": that raises what we ask for, a close with 1011.
    while True:
        try:
            message = await socket.recv()
        except websockets.ConnectionClosed:
            return
        if isinstance(message, str) and message.startswith("close "):
            await socket.close(int(message[6:]), "as asked")
        elif message == "fragments":
            await socket.send(["one", "", "two"])
        else:
            await socket.send(message)


async def serve(compression):
    async with websockets.serve(
        answer, "127.0.0.1", 0, max_size=LIMIT, compression=compression, subprotocols=["second"]
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        # Until whoever started it closes our input.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def visit(url, compression):
    def connect():
        return websockets.connect(
            url, max_size=LIMIT, compression=compression, subprotocols=["first", "second"]
        )

    report = {"echoed": 0, "codes": []}
    async with connect() as socket:
        report["subprotocol"] = socket.subprotocol
        report["extensions"] = [extension.name for extension in socket.extensions]
        for size in SIZES:
            for body in bodies(size):
                await socket.send(body)
                assert await socket.recv() == body, size
                report["echoed"] += 1
        await socket.send(iter(["frag", "", "ments"]))
        report["fragments"] = await socket.recv()
        await socket.send("send fragments")
        report["received"] = await socket.recv()
        pong = await socket.ping(b"ours")
        await asyncio.wait_for(pong, 5)
    for code in [1000, 1001, 1011, 3000, 4999]:
        async with connect() as socket:
            await socket.send(f"close {code}")
            await socket.wait_closed()
            report["codes"].append([socket.close_code, socket.close_reason])
    for code in [1000, 3000, 4999]:
        async with connect() as socket:
            await socket.close(code, "tschüß")
            report["codes"].append([socket.close_code, socket.close_reason])
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    role, url, compression = sys.argv[1:]
    chosen = None if compression == "none" else compression
    asyncio.run(serve(chosen) if role == "server" else visit(url, chosen))
