"""Plays one script against a server and prints what comes back: client.py ADDRESS BROKER_HOST PORT."""

import asyncio
import json
import sys

import pika
import websockets

address, broker_host, broker_port = sys.argv[1:]
url = f"ws://{address}/ws/"
ONE = {"target": "m", "customer": "1"}

FENCE = {"target": "m", "customer": "fence"}

# How long to wait for what is not to come, once what was published after it has come.
QUIET = 0.3


def publish(body):
    """Sends a trigger, or whatever, to RabbitMQ."""
    connection = pika.BlockingConnection(pika.ConnectionParameters(broker_host, int(broker_port)))
    channel = connection.channel()
    channel.basic_publish("hightemplar", "*", body if isinstance(body, str) else json.dumps(body))
    connection.close()


def show(who, frame):
    """Prints a frame in the one form that does not depend on the order of members."""
    try:
        frame = json.loads(frame)
    except ValueError:
        pass
    if isinstance(frame, dict):
        request_id = frame.get("requestId")
        if isinstance(request_id, str) and len(request_id) == 36:
            frame["requestId"] = "(the id of the connection)"
        if "allowed_rooms" in frame:
            frame["allowed_rooms"].sort(key=json.dumps)
    print(who, json.dumps(frame, sort_keys=True))


async def asks(socket, frame):
    await socket.send(frame if isinstance(frame, str) else json.dumps(frame))
    show("answer", await asyncio.wait_for(socket.recv(), 20))


async def hears(socket):
    """Prints what comes of all that was published, in an order of its own."""
    publish({"rooms": [FENCE], "data": "end"})
    frames = []
    while not any('"fence"' in frame for frame in frames):
        frames.append(await asyncio.wait_for(socket.recv(), 20))
    try:
        while True:
            frames.append(await asyncio.wait_for(socket.recv(), QUIET))
    except TimeoutError:
        pass
    for frame in sorted(frames):
        show("hears", frame)


def subscribe(room, request_id):
    return {"type": "subscribe", "room": room, "requestId": request_id}


async def let_in():
    headers = {"Cookie": "who=me; csrftoken=abc", "User-Agent": "agent"}
    async with websockets.connect(url + "?token=tok", additional_headers=headers) as socket:
        show("first", await socket.recv())
        await asks(socket, "ping")
        await asks(socket, subscribe(FENCE, "fence"))
        await asks(socket, subscribe(ONE, "r1"))
        await asks(socket, subscribe({"customer": "1", "target": "m"}, "r2"))
        await asks(socket, subscribe({"target": "x"}, "r3"))
        await asks(socket, {"type": "subscribe", "room": ONE})
        await asks(socket, subscribe({"target": "one", "customer": "1"}, "r4"))
        await asks(socket, subscribe({"target": "one", "customer": 1}, 5))
        await asks(socket, subscribe({"target": "m", "customer": "*"}, "r6"))
        await asks(socket, {"type": "nonsense"})
        await asks(socket, {"type": "status"})
        await asks(socket, "not json")
        await asks(socket, {"type": "unsubscribe"})
        await asks(socket, {"type": "unsubscribe", "requestId": "none"})

        publish({"rooms": [ONE], "data": {"a": "100% of it %s %(r)s \u00e9 \U0001f600", "b": [1.5, None]}})
        await hears(socket)
        publish({"rooms": [ONE, ONE], "data": "twice"})
        await hears(socket)
        publish({"rooms": [{"target": "one", "customer": 1}], "data": [1, None]})
        await hears(socket)
        publish({"rooms": [{"target": "m", "customer": "*"}], "data": "star"})
        await hears(socket)
        for body in ["garbage", "[]", '{"data": 1}', '{"rooms": [1], "data": 1}', '{"rooms": []}']:
            publish(body)
        await asks(socket, {"type": "unsubscribe", "requestId": "r1"})
        publish({"rooms": [ONE], "data": "after"})
        await hears(socket)


async def refused(who):
    try:
        async with websockets.connect(url, additional_headers={"Cookie": f"who={who}"}) as socket:
            show(who, await socket.recv())
            try:
                await socket.recv()
            except websockets.ConnectionClosed as closed:
                print(who, "is closed with", closed.rcvd.code)
    except websockets.InvalidStatus as refusal:
        print(who, "is refused with", refusal.response.status_code)


async def main():
    await let_in()
    for who in ["nobody", "strange", "text"]:
        await refused(who)


asyncio.run(main())
