"""A WebSocket client written with the library `websockets`, asked by lines of JSON.

A question is one line of JSON, {"do": name, ...}; the answer is one line, {"ok": value} or
{"error": text}. Bytes are {"base64": text} on both sides.
"""

import base64
import json
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def from_json(value):
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return value


def to_json(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value


class Client:
    socket = None

    def open(self, url, subprotocols=None, compression="deflate", max_size=2**20):
        """Gives the subprotocol and the extensions that were agreed on."""
        self.socket = connect(
            url,
            subprotocols=subprotocols,
            compression=compression,
            max_size=max_size,
            proxy=None,
        )
        extensions = self.socket.response.headers.get_all("Sec-WebSocket-Extensions")
        return [self.socket.subprotocol, extensions]

    def send(self, content):
        self.socket.send(from_json(content))

    def send_parts(self, parts):
        """Sends one message in as many frames."""
        self.socket.send([from_json(part) for part in parts])

    def receive(self):
        """Gives a message, or the code and the reason of a close."""
        try:
            return to_json(self.socket.recv(timeout=30))
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return [None, None]
            return [closed.rcvd.code, closed.rcvd.reason]

    def ping(self, content):
        """Whether the same content comes back."""
        return self.socket.ping(from_json(content)).wait(30)

    def close(self, code=1000, reason=""):
        """Gives the code and the reason that the server answers with."""
        self.socket.close(code, reason)
        return [self.socket.close_code, self.socket.close_reason]


client = Client()
for line in sys.stdin:
    members = json.loads(line)
    try:
        answer = {"ok": getattr(client, members.pop("do"))(**members)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
