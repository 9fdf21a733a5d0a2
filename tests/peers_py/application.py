"""An application on Starlette, served by uvicorn with websockets, that has not heard of GRIP.

--listen ADDRESS:PORT says where it listens, and --files FOLDER what it serves. Once it listens it says
so on its first line.
"""

import argparse
import asyncio
import hashlib
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]
followers = set()


def short_hash(content):
    return hashlib.sha256(content).hexdigest()[:16]


async def hello(request):
    return PlainTextResponse("hello\n")


async def slow(request):
    await asyncio.sleep(0.3)
    return PlainTextResponse("slow\n")


async def peer(request):
    told = request.headers.get("x-forwarded-for", "nothing")
    # uvicorn believes a proxy on the same machine.
    host = request.client.host
    return PlainTextResponse(f"from {host}\ntold {told}\nby {request.url.scheme}\n")


async def cookies(request):
    answer = PlainTextResponse("cookies\n")
    for cookie in ["a=1; Path=/", "b=2; HttpOnly; SameSite=Lax", 'c="x, y"']:
        answer.headers.append("set-cookie", cookie)
    return answer


async def moved(request):
    return RedirectResponse("/hello?from=moved", 303)


async def nothing(request):
    return Response(status_code=204)


async def status(request):
    return PlainTextResponse("as asked\n", request.path_params["status"])


async def headers(request):
    count = request.path_params["count"]
    return Response(headers={f"x-{n:04}": str(n) for n in range(count)})


async def echo(request):
    """Tells what has arrived."""
    target = request.scope["raw_path"] + (b"?" + request.scope["query_string"]).rstrip(b"?")
    lines = [f"{request.method} {target.decode()} HTTP/{request.scope['http_version']}"]
    found = sorted((name.decode(), value) for name, value in request.scope["headers"])
    for name, value in found:
        # A signature is another each time.
        value = "..." if name == "grip-sig" else value.decode("ascii", "backslashreplace")
        lines.append(f"{name}: {value}")
    body = await request.body()
    lines.append(f"{len(body)} bytes, {short_hash(body)}")
    return PlainTextResponse("\n".join(lines) + "\n")


async def duplex(request):
    return StreamingResponse(request.stream())


async def limited(request):
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > 2_000_000:
            return PlainTextResponse("too large\n", 413)
    return PlainTextResponse(str(size))


async def long(request):
    return PlainTextResponse("0123456789" * 2000)


async def events(request):
    queue = asyncio.Queue()
    followers.add(queue)

    async def told():
        try:
            yield "event: open\ndata: you are here\n\n"
            event = ""
            while event != "end":
                event = await queue.get()
                yield f"id: 1\ndata: {event}\n\n"
        finally:
            followers.discard(queue)

    return StreamingResponse(
        told(), media_type="text/event-stream", headers={"cache-control": "no-cache"}
    )


async def tell(request):
    event = (await request.body()).decode()
    for queue in followers:
        queue.put_nowait(event)
    return PlainTextResponse("")


async def watchers(request):
    return PlainTextResponse(str(len(followers)))


async def websocket(socket):
    offered = socket.scope["subprotocols"]
    chosen = next((name for name in offered if name in ("v2.chat", "v3.chat")), None)
    await socket.accept(chosen, headers=[(b"x-handshake", b"of the application")])
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "bye":
                return await socket.close(4000, "so long")
            if message.get("text") == "drop":
                return
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass


async def denied(socket):
    """The handshake is answered with 403."""
    await socket.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--files", required=True)
    arguments = parser.parse_args()
    host, port = arguments.listen.rsplit(":", 1)

    app = Starlette(
        routes=[
            Route("/hello", hello),
            Route("/slow", slow),
            Route("/peer", peer),
            Route("/cookies", cookies),
            Route("/moved", moved),
            Route("/nothing", nothing),
            Route("/status/{status:int}", status),
            Route("/headers/{count:int}", headers),
            Route("/echo", echo, methods=METHODS),
            Route("/echo/{rest:path}", echo, methods=METHODS),
            Route("/duplex", duplex, methods=["POST"]),
            Route("/limited", limited, methods=["POST"]),
            Route("/long", long),
            Route("/events", events),
            Route("/tell", tell, methods=["POST"]),
            Route("/watchers", watchers),
            WebSocketRoute("/ws", websocket),
            WebSocketRoute("/ws/denied", denied),
            Mount("/files", StaticFiles(directory=arguments.files, html=True)),
        ],
        # What tells of a request is shorter: a proxy adds headers to it.
        middleware=[Middleware(GZipMiddleware, minimum_size=2000)],
    )
    listener = socket.create_server((host, int(port)), backlog=128)
    host, port = listener.getsockname()
    print(f"listening on {host}:{port}", flush=True)
    config = uvicorn.Config(app, ws="websockets-sansio", log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


main()
