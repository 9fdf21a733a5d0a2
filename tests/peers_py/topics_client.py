"""A client of httppubsub as PyPI has it, `lonelypsc`, driven by lines of JSON on standard input.

    topics_client.py BROADCASTER[,BROADCASTER] SECRETS [websocket]

It looks every two seconds whether the broadcaster has what it is subscribed to.
Over a WebSocket it may say that it is subscribed before the broadcaster knows.

It says {"ready": URL}, then to {"exact": base64} or {"glob": text} {"subscribed": true}, to
{"notify": base64, "data": base64, "times": n} {"notified": n}, and for each message that comes
{"topic": base64, "length": n, "data": base64 of the first 1000 bytes}.
"""

import asyncio
import base64
import json
import socket
import sys

from lonelypsc.config.file_config import get_auth_config_from_file
from lonelypsc.config.http_config import make_http_pub_sub_config
from lonelypsc.config.ws_config import make_websocket_pub_sub_config
from lonelypsc.http_client import HttpPubSubClient
from lonelypsc.ws_client import WebsocketPubSubClient
from lonelypsp.auth.config import AuthConfigFromParts
from lonelypsp.tracing.impl.simple.config import SimpleTracingConfig
from lonelypsp.tracing.impl.simple.db import SimpleTracingDBSidecar
from lonelypsp.tracing.impl.simple.stateless.root import (
    SimpleStatelessTracingSubscriberRoot,
)


def say(**values):
    print(json.dumps(values), flush=True)


async def read_lines(queue):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await queue.put(json.loads(line))
    await queue.put(None)


async def receive(messages):
    async for message in messages:
        data = message.data.read()
        say(
            topic=base64.b64encode(message.topic).decode(),
            length=len(data),
            data=base64.b64encode(data[:1000]).decode(),
        )


async def obey(client, name):
    queue = asyncio.Queue()
    reading = asyncio.create_task(read_lines(queue))
    tasks, subscriptions = [], []
    say(ready=name)
    while (command := await queue.get()) is not None:
        if "exact" in command or "glob" in command:
            subscription = (
                client.subscribe_exact(base64.b64decode(command["exact"]))
                if "exact" in command
                else client.subscribe_glob(command["glob"])
            )
            await subscription.__aenter__()
            subscriptions.append(subscription)
            messages = await subscription.messages()
            tasks.append(asyncio.create_task(receive(messages)))
            say(subscribed=True)
        elif "notify" in command:
            data = base64.b64decode(command["data"]) * command.get("times", 1)
            result = await client.notify(
                topic=base64.b64decode(command["notify"]),
                data=data,
                trace_initializer=None,
            )
            say(notified=result.notified)
    for subscription in subscriptions:
        await subscription.__aexit__(None, None, None)
    for task in tasks:
        task.cancel()
    # What its queues raise as they are drained is nothing that went wrong.
    await asyncio.gather(reading, *tasks, return_exceptions=True)


def over_websocket(broadcasters, auth):
    return make_websocket_pub_sub_config(
        broadcasters=broadcasters,
        outgoing_initial_connect_retries=2,
        outgoing_min_reconnect_interval=1.0,
        max_websocket_message_size=1024 * 1024 * 16,
        websocket_open_timeout=60,
        websocket_close_timeout=5,
        websocket_heartbeat_interval=20,
        websocket_minimal_headers=False,
        max_sent_notifications=255,
        max_unsent_notifications=255,
        max_expected_acks=255,
        max_received=255,
        max_unsent_acks=255,
        allow_compression=True,
        compression_dictionary_by_id={},
        initial_compression_dict_id=None,
        allow_training_compression=False,
        decompression_max_window_size=1024 * 1024 * 8,
        auth=auth,
    )


async def main(hosts, secrets, transport="http"):
    broadcasters = [{"host": host} for host in hosts.split(",")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    to_subscriber, to_broadcaster = get_auth_config_from_file(secrets)
    auth = AuthConfigFromParts(to_broadcaster, to_subscriber)
    if transport == "websocket":
        async with WebsocketPubSubClient(over_websocket(broadcasters, auth)) as client:
            await obey(client, hosts)
        return
    config = SimpleTracingConfig()
    async with SimpleTracingDBSidecar(config, ":memory:") as db:
        http = make_http_pub_sub_config(
            bind={"type": "uvicorn", "host": "127.0.0.1", "port": port},
            host=f"http://127.0.0.1:{port}",
            broadcasters=broadcasters,
            resubscribe_interval=2.0,
            outgoing_retries_per_broadcaster=2,
            message_body_spool_size=1024 * 1024 * 10,
            outgoing_http_timeout_total=60,
            outgoing_http_timeout_connect=None,
            outgoing_http_timeout_sock_read=None,
            outgoing_http_timeout_sock_connect=5,
            outgoing_retry_ambiguous=True,
            auth=auth,
            tracing=SimpleStatelessTracingSubscriberRoot(db, config),
        )
        async with HttpPubSubClient(http) as client:
            await obey(client, f"http://127.0.0.1:{port}")


asyncio.run(main(*sys.argv[1:]))
