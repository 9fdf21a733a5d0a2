"""Plays one script against a channelstream: `play.py HOST:PORT SECRET`. What it hears is the
transcript: a line for each answer and each frame, with numbers in place of UUIDs and `time` in place
of times."""

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
HOST, PORT = ADDRESS.rsplit(":", 1)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r'"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"')
UUIDS = {}

A, B, C, D, E = ("%08d-0000-4000-8000-000000000000" % n for n in range(1, 6))
M1, M2, M3, M4 = ("%08d-1111-4000-8000-000000000000" % n for n in range(1, 5))
GIVEN = "2020-01-02T03:04:05"


def in_order(value):
    """The value with lists of users in an order of their own, as the original has them in none, and
    without private messages in histories, which are counted."""
    if isinstance(value, list):
        return [in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: in_order(item) for key, item in value.items()}
    users = value.get("users")
    if users and isinstance(users[0], dict):
        value["users"] = sorted(users, key=lambda user: user["user"])
    if "history" in value:
        public = [message for message in value["history"] if not message["pm_users"]]
        value["private"] = len(value["history"]) - len(public)
        value["history"] = public
    return value


def normal(value):
    text = json.dumps(in_order(value), sort_keys=True)
    number = lambda match: UUIDS.setdefault(match[0], "uuid-%d" % (len(UUIDS) + 1))
    text = UUID.sub(number, text)
    return TIME.sub(lambda match: match[0] if "2020" in match[0] else '"time"', text)


def say(*words):
    print(*words, flush=True)


def request(method, path, body=None, raw=None, token=True, headers=None):
    headers = dict(headers or {})
    if token is True:
        token = TimestampSigner(SECRET).sign(path).decode()
    if token:
        headers["x-channelstream-secret"] = token
    # A connection for each: one that is kept stalls at the original.
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=20)
    data = raw if raw is not None else json.dumps(body)
    connection.request(method, path, data if method != "GET" else raw, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def call(label, method, path, body=None, brief=None, **more):
    """A call, and a line for its answer, or with what one is in `brief` where that is said."""
    response, text = request(method, path, body, **more)
    try:
        answer = normal(json.loads(text)) if response.status != 200 or not brief else brief
    except ValueError:
        answer = "(no JSON)"
    say("%s: %d %s" % (label, response.status, answer))
    return text


def post(label, path, body, **more):
    return call(label, "POST", path, body, **more)


class Client:
    """A WebSocket of a browser."""

    def __init__(self, name, conn_id):
        self.name = name
        self.socket = open_socket("ws://%s/ws?conn_id=%s" % (ADDRESS, conn_id), legacy=True)
        self.waiting = []

    def receive(self, seconds):
        """The next frame that is no heartbeat."""
        end = time.time() + seconds
        while not self.waiting:
            left = end - time.time()
            if left <= 0:
                return None
            try:
                self.waiting = json.loads(self.socket.recv(timeout=left))
            except TimeoutError:
                return None
        return self.waiting.pop(0)

    def beats(self):
        """Sends a heartbeat: where the proxy does not refresh sockets, it is what changes them. What is
        sent within a quarter of a second of that may come twice."""
        self.socket.send('{"type": "heartbeat"}')
        time.sleep(0.8)

    def hears(self, count):
        for _ in range(count):
            frame = self.receive(5)
            say("  %s hears %s" % (self.name, normal(frame) if frame else "NOTHING"))

    def is_quiet(self):
        frame = self.receive(0.4)
        if frame:
            say("  %s hears MORE %s" % (self.name, normal(frame)))

    def close(self):
        try:
            self.socket.close()
        except ConnectionClosed:
            pass


def listen(label, conn_id, **query):
    begun = time.time()
    path = "/listen?" + urlencode(dict(query, conn_id=conn_id))
    response, text = request("GET", path, token=False)
    took = time.time() - begun
    body = text
    if text.startswith("cb("):
        body = text[3:-1]
    try:
        body = normal(json.loads(body))
    except ValueError:
        body = "(no JSON)"
    pace = "at once" if took < 2 else "after 5 s" if 4.5 < took < 8 else "after %.1f s" % took
    form = " as JSONP" if text.startswith("cb(") else ""
    say("%s: %d %s%s %s" % (label, response.status, body, form, pace))
    return response


def access():
    say("== who may call")
    call("without a token", "POST", "/connect", {"username": "x"}, token=False)
    call("with the secret itself", "POST", "/connect", {"username": "x"}, token=SECRET)
    call("with a token of another secret", "POST", "/connect", {"username": "x"},
         token=TimestampSigner("other").sign("/connect").decode())
    late = TimestampSigner(SECRET)
    late.get_timestamp = lambda: int(time.time()) - 90
    call("with an old token", "POST", "/connect", {"username": "x"}, token=late.sign("x").decode())
    early = TimestampSigner(SECRET)
    early.get_timestamp = lambda: int(time.time()) + 600
    call("with a token of the future", "POST", "/info", {"info": {"channels": []}},
         token=early.sign("x").decode())
    call("with a token for anything", "POST", "/info", {"info": {"channels": []}},
         token=TimestampSigner(SECRET).sign("whatever").decode())
    token = TimestampSigner(SECRET).sign("/info").decode()
    call("with a token in the query", "POST", "/info?" + urlencode({"secret": token}),
         {"info": {"channels": []}}, token=False)
    call("by GET", "GET", "/connect")
    call("at no path", "POST", "/nowhere", {})


def invalid():
    say("== what is not valid")
    connects = [
        {}, {"username": ""}, {"username": None}, {"username": 5}, {"username": "a", "channels": "x"},
        {"username": "a", "channels": [""]}, {"username": "a", "channels": [1]},
        {"username": "a", "channels": None}, {"username": "a", "user_state": {"a": [1]}},
        {"username": "a", "user_state": 5}, {"username": "a", "channel_configs": {"a": 5}},
        {"username": "a", "channel_configs": {"a": {"history_size": -1, "store_history": "maybe"}}},
        {"username": "a", "info": 5},
        {"username": "a", "info": {"include_users": "x", "channels": [5]}},
        {"username": "a", "state_public_keys": None}, {"username": "x" * 513}, [], 5,
    ]
    for body in connects:
        post("connect %s" % json.dumps(body)[:60], "/connect", body)
    post("connect with null", "/connect", None)
    call("connect with no JSON", "POST", "/connect", raw="{")
    post("subscribe without a connection", "/subscribe", {"channels": ["a"]})
    post("subscribe an unknown connection", "/subscribe", {"conn_id": E, "channels": ["a"]})
    post("subscribe nothing", "/subscribe", {"conn_id": A, "channels": []})
    post("state of nobody", "/user_state", {"user": "nobody"})
    post("state without a user", "/user_state", {})
    messages = [
        [{}], [{"user": "a", "message": "x"}],
        [{"user": "a", "channel": "a", "pm_users": "x", "exclude_users": [""], "no_history": "q",
          "uuid": "z"}],
        [{"user": "a", "channel": "", "message": {}}],
        [{"user": "a", "channel": None, "message": None}],
        [{"user": "a", "channel": "a", "timestamp": "yes"}],
        [{"user": "a", "channel": "a", "timestamp": 5}],
    ]
    for body in messages:
        post("message %s" % json.dumps(body)[:60], "/message", body)
    post("a message that is no list", "/message", {"user": "a", "channel": "nowhere", "uuid": M4,
                                                    "message": {}}, brief="(a message)")
    call("an edit of nothing", "PATCH", "/message", [{"channel": "a"}])
    call("a deletion of nothing", "DELETE", "/message", [{"channel": "a"}])
    post("settings that are none", "/channel_config", {"a": 5})
    post("settings as a list", "/channel_config", [])
    post("info of nothing", "/info", {})
    post("info as 0.2 asks for it", "/info", {"channels": []}, brief="(channels)")
    post("disconnect without a connection", "/disconnect", {}, token=False)
    post("disconnect an unknown connection", "/disconnect", {"conn_id": E}, token=False)
    call("the same by GET", "GET", "/disconnect?conn_id=" + E, token=False)
    listen("poll of an unknown connection", E)
    call("poll of none", "GET", "/listen", token=False)


def sockets():
    say("== sockets")
    room = {"notify_presence": True, "store_history": True, "history_size": 20,
            "broadcast_presence_with_user_lists": True, "notify_state": True}
    post("alice connects", "/connect", {
        "username": "alice", "conn_id": A, "channels": ["room", "lobby"],
        "channel_configs": {"room": room}, "fresh_user_state": {"mood": "fine", "key": 1},
        "state_public_keys": ["mood"]})
    alice = Client("alice", A)
    alice.is_quiet()
    post("bob connects", "/connect", {
        "username": "bob", "conn_id": B, "channels": ["room"], "user_state": {"mood": "bad"},
        "channel_configs": {"room": {"notify_presence": False}},
        "info": {"include_history": False, "return_public_state": True}})
    alice.hears(1)
    bob = Client("bob", B)
    bob.is_quiet()

    post("a message", "/message", [{"uuid": M1, "user": "bob", "channel": "room", "timestamp": GIVEN,
                                    "message": {"text": "hi", "n": 12345678901234567890}}])
    alice.hears(1)
    bob.hears(1)
    post("messages in their order", "/message", [
        {"user": "bob", "channel": "room", "message": {"n": n}} for n in range(5)])
    alice.hears(5)
    bob.hears(5)
    post("with a zone", "/message", [{"user": "bob", "channel": "lobby", "message": {},
                                      "timestamp": "2020-01-02T03:04:05Z"}])
    alice.hears(1)
    post("without a message", "/message", [{"user": "bob", "channel": "lobby"}])
    alice.hears(1)
    post("for all but one", "/message", [{"user": "bob", "channel": "room", "message": {"to": 1},
                                          "exclude_users": ["bob", "carol"], "no_history": True}])
    alice.hears(1)
    bob.is_quiet()
    post("for one in a channel", "/message", [{"user": "bob", "channel": "room", "uuid": M2,
                                               "message": {"to": 2}, "pm_users": ["alice", "carol"]}])
    alice.hears(1)
    bob.is_quiet()
    post("for one who is not in it", "/message", [{"user": "bob", "channel": "lobby",
                                                   "message": {}, "pm_users": ["bob"]}])
    bob.is_quiet()
    post("for a user", "/message", [{"user": "bob", "message": {"to": 3}, "uuid": M3,
                                     "pm_users": ["alice", "nobody"]}])
    alice.hears(1)
    bob.is_quiet()
    post("for nobody", "/message", [{"user": "bob", "message": {}}])
    post("for a channel that is none", "/message", [{"user": "bob", "channel": "none",
                                                     "message": {}}])
    alice.is_quiet()

    call("an edit", "PATCH", "/message", [{"uuid": M1, "channel": "room", "message": {"text": "ho"},
                                           "edited": GIVEN}])
    alice.hears(1)
    bob.hears(1)
    call("an edit for one", "PATCH", "/message", [{"uuid": M3, "pm_users": ["alice"],
                                                   "message": {"to": 4}, "edited": GIVEN}])
    alice.hears(1)
    call("a deletion", "DELETE", "/message", [{"uuid": M1, "channel": "room"}])
    alice.hears(1)
    bob.hears(1)
    bob.is_quiet()

    post("a state", "/user_state", {"user": "alice", "user_state": {"mood": "good", "key": 2}})
    alice.hears(1)
    bob.hears(1)
    post("the same state", "/user_state", {"user": "alice", "user_state": {"mood": "good"}})
    bob.is_quiet()
    post("other keys", "/user_state", {"user": "alice", "state_public_keys": ["key"],
                                       "user_state": {"key": None}})
    alice.hears(1)
    bob.hears(1)

    post("bob subscribes", "/subscribe", {
        "conn_id": B, "channels": ["lobby", "room", "new"],
        "channel_configs": {"new": {"store_history": True}}})
    bob.beats()
    post("a message after that", "/message", [{"user": "alice", "channel": "new",
                                               "message": {"n": 1}, "timestamp": GIVEN}])
    bob.hears(1)
    alice.is_quiet()
    post("bob unsubscribes", "/unsubscribe?conn_id=" + B, {"channels": ["room", "none"]},
         token=TimestampSigner(SECRET).sign("/unsubscribe").decode())
    bob.beats()
    alice.hears(1)
    post("a message after that", "/message", [{"user": "alice", "channel": "room",
                                               "message": {"n": 2}, "timestamp": GIVEN}])
    alice.hears(1)
    bob.is_quiet()
    post("bob is back", "/connect", {"username": "bob", "conn_id": D, "channels": ["room"],
                                     "info": {"include_users": False}})
    alice.hears(1)
    return alice, bob


def told():
    say("== what is told")
    short = {"store_history": True, "history_size": 2}
    post("a short history", "/channel_config", {"short": short})
    post("three messages", "/message", [
        {"user": "bob", "channel": "short", "message": {"n": n}} for n in range(3)])
    time.sleep(0.2)
    post("of which two are kept", "/info", {"info": {"channels": ["short"]}})
    room = {"store_history": True, "history_size": 2, "notify_presence": True}
    post("settings", "/channel_config", {"room": room, "made": {}})
    call("all", "POST", "/info", raw="")
    call("all by GET", "GET", "/info", raw="")
    post("one", "/info", {"info": {"channels": ["new", "none"], "return_public_state": True}})
    post("without history and users", "/info", {"info": {
        "channels": ["room"], "include_history": False, "include_users": False}})
    post("all but some", "/info", {"info": {"exclude_channels": ["room", "made", "new"]}})
    response, text = request("GET", "/admin/admin.json")
    admin = json.loads(text)
    for key in ("uptime", "version", "total_messages", "total_unique_messages"):
        say("admin has", key, key in admin and admin.pop(key) is not None)
    for user in admin["users"]:
        user["connections"].sort()
    say("admin", normal(admin))


def polls():
    say("== polls")
    post("carol connects", "/connect", {"username": "carol", "conn_id": C, "channels": ["polled"]})
    post("a message", "/message", [{"user": "bob", "channel": "polled", "message": {"n": 1}},
                                   {"user": "bob", "pm_users": ["carol"], "message": {"n": 2}}])
    time.sleep(0.2)
    listen("carol's poll", C)
    listen("with nothing to hear", C)
    import threading

    def later():
        time.sleep(0.7)
        request("POST", "/message", [{"user": "bob", "channel": "polled", "message": {"n": 3}}])
        time.sleep(0.1)
        request("POST", "/message", [{"user": "bob", "pm_users": ["carol"], "channel": "polled",
                                      "message": {"n": 4}}])

    thread = threading.Thread(target=later)
    thread.start()
    listen("with something to hear", C)
    thread.join()
    request("POST", "/message", [{"user": "bob", "channel": "polled", "message": {"n": 5}}])
    time.sleep(0.2)
    listen("as JSONP", C, callback="cb")
    post("carol disconnects", "/disconnect", {"conn_id": C}, token=False)
    time.sleep(2.5)
    listen("poll of a connection that has ended", C)


def ends(alice, bob):
    say("== ends")
    call("bob's second connection ends", "GET", "/disconnect?conn_id=" + D, token=False)
    alice.hears(1)
    second = Client("alice's second socket", A)
    time.sleep(0.8)
    request("POST", "/message", [{"user": "bob", "channel": "lobby", "message": {"n": 6}}])
    second.hears(1)
    try:
        frame = alice.receive(1)
        say("alice's first socket hears", normal(frame) if frame else "nothing")
    except ConnectionClosed as closed:
        say("alice's first socket is closed with", closed.rcvd.code)
    alice.close()
    # The original ends it with its next look at all of them, each second.
    time.sleep(4)
    request("POST", "/message", [{"user": "bob", "channel": "lobby", "message": {"n": 7}}])
    frame = None
    try:
        frame = second.receive(1)
    except ConnectionClosed:
        pass
    say("alice's second socket after the end of the first hears", "a message" if frame else "nothing")
    # Of the original it has ended already.
    request("GET", "/disconnect?conn_id=" + A, token=False)
    time.sleep(1.5)
    post("dave watches", "/connect", {"username": "dave", "conn_id": E, "channels": ["lobby"]})
    post("lobby tells", "/channel_config", {"lobby": {"notify_presence": True}})
    dave = Client("dave", E)
    dave.is_quiet()
    bob.close()
    begun = time.time()
    dave.hears(1)
    say("that is within 3 s:", time.time() - begun < 3)
    try:
        stranger = open_socket("ws://%s/ws?conn_id=%s" % (ADDRESS, B), legacy=True)
        stranger.recv(timeout=3)
    except ConnectionClosed as closed:
        say("a socket of a connection that has ended is closed with", closed.rcvd and closed.rcvd.code)
    post("a connection without a socket", "/connect", {"username": "eve", "conn_id": B,
                                                       "channels": ["lobby"]})
    dave.hears(1)
    begun = time.time()
    frame = None
    while frame is None and time.time() - begun < 25:
        dave.socket.send('{"type": "heartbeat"}')
        frame = dave.receive(2)
    say("it ends after some 15 s:", 13 < time.time() - begun < 20, normal(frame))


def main():
    access()
    invalid()
    alice, bob = sockets()
    told()
    polls()
    ends(alice, bob)
    post("connect with no UUID", "/connect", {"username": "a", "conn_id": "no-uuid"},
         brief="(a connection)")
    response, text = request("OPTIONS", "/message", token=False)
    for name in ("allow-origin", "allow-methods", "allow-headers", "max-age"):
        say("CORS", name, response.getheader("access-control-" + name))


main()
