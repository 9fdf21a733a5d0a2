"""Plays one script against a channelstream that speaks as 0.2: `play_first.py HOST:PORT SECRET`.

What PyPI's 0.2 answers is kept in `first.txt`. It was recorded once, as it needs Python 2.7, with
`gevent<22 gevent-websocket==0.10.1 pyramid==1.4.9 pyramid_jinja2==2.1 itsdangerous==0.24` and
`channelstream -i FILE`."""

import http.client
import json
import re
import sys
import time
from urllib.parse import urlencode

from itsdangerous import TimestampSigner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_socket

ADDRESS, SECRET = sys.argv[1:3]
TIME = re.compile(r'"20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"')
GIVEN = "2011-09-15T11:36:18.471862"


def normal(value):
    text = json.dumps(value, sort_keys=True)
    return TIME.sub('"time"', text)


def request(method, path, body=None, token=True):
    connection = http.client.HTTPConnection(ADDRESS, timeout=20)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["x-channelstream-secret"] = TimestampSigner(SECRET).sign(path).decode()
        headers["x-channelstream-endpoint"] = path
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def call(label, path, body=None):
    status, text = request("POST", path, body)
    try:
        answer = json.loads(text)
    except ValueError:
        answer = "(no JSON)"
    if isinstance(answer, list):
        answer = sorted(answer)
    for channel in answer["channels"].values() if path == "/info" else []:
        channel["users"].sort(key=lambda user: user["user"])
    print("%s: %d %s" % (label, status, normal(answer)), flush=True)


def hears(name, socket, count=1):
    while count:
        try:
            frames = json.loads(socket.recv(timeout=3))
        except TimeoutError:
            print("  %s hears nothing" % name, flush=True)
            return
        for frame in frames:
            print("  %s hears %s" % (name, normal(frame)), flush=True)
            count -= 1


def listen(label, conn_id):
    status, text = request("GET", "/listen?" + urlencode({"conn_id": conn_id}), token=False)
    try:
        text = normal(json.loads(text))
    except ValueError:
        text = "(no JSON)"
    print("%s: %d %s" % (label, status, text), flush=True)


def main():
    call("nobody connects", "/connect", {"channels": ["a"]})
    call("to no channel", "/connect", {"username": "anna", "conn_id": "1"})
    call("anna connects", "/connect", {"username": "anna", "conn_id": "anna's", "channels": ["b", "a"]})
    call("bob connects", "/connect", {"username": "bob", "conn_id": "bob's", "channels": ["a"]})
    call("an unknown one subscribes", "/subscribe", {"conn_id": "x", "channels": ["a"]})
    call("to nothing", "/subscribe", {"conn_id": "bob's", "channels": []})
    url = "ws://%s/ws?" % ADDRESS
    anna = open_socket(url + urlencode({"conn_id": "anna's"}), legacy=True)
    bob = open_socket(url + urlencode({"conn_id": "bob's"}), legacy=True)
    time.sleep(0.5)
    call("a message", "/message", [{"user": "bob", "channel": "a", "message": "hi"}])
    hears("anna", anna)
    hears("bob", bob)
    call("with a time and a payload", "/message", [
        {"user": "bob", "channel": "b", "message": {"n": [1, None]}, "timestamp": GIVEN}])
    hears("anna", anna)
    call("for users", "/message", [{"user": "bob", "pm_users": ["anna", "nobody"], "message": 5}])
    hears("anna", anna)
    call("for nobody", "/message", [{"user": "bob", "message": "x"}])
    call("bob subscribes", "/subscribe", {"conn_id": "bob's", "channels": ["c"]})
    call("a message after that", "/message", [{"user": "anna", "channel": "c", "message": "x"}])
    hears("bob", bob)
    call("a status", "/user_status", {"user": "bob", "status": 3})
    call("the status of nobody", "/user_status", {"user": "nobody", "status": 3})
    call("all", "/info")
    call("all by an empty list", "/info", {"channels": []})
    call("all by an empty object", "/info", {})
    call("one", "/info", {"channels": ["c"]})
    call("carol connects", "/connect", {"username": "carol", "conn_id": "carol's", "channels": ["d"]})
    import threading

    def later():
        time.sleep(0.7)
        request("POST", "/message", [{"user": "bob", "channel": "d", "message": 1}])
        request("POST", "/message", [{"user": "bob", "channel": "d", "message": 2}])

    thread = threading.Thread(target=later)
    thread.start()
    listen("carol's poll", "carol's")
    thread.join()
    listen("with nothing to hear", "carol's")
    listen("of an unknown one", "x")
    try:
        stranger = open_socket(url + "conn_id=x", legacy=True)
        print("a stranger hears", stranger.recv(timeout=3))
    except ConnectionClosed:
        print("a stranger is closed")


main()
