"""Answers questions about GRIP with gripcontrol, pubcontrol and PyJWT.

A question is one line of JSON, {"do": name, ...}; the answer is one line, {"ok": value} or
{"error": text}. Bytes are {"base64": text} on both sides; where bytes are wanted, a string stands
for its UTF-8.
"""

import base64
import hashlib
import hmac
import json
import sys
import warnings

import gripcontrol
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pubcontrol import Item

# The secrets of tests are short, and gripcontrol asks for the time in a way that is deprecated.
warnings.simplefilter("ignore")


def from_json(value):
    if isinstance(value, dict) and set(value) == {"base64"}:
        return base64.b64decode(value["base64"])
    return value


def to_json(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: to_json(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(member) for member in value]
    return value


def validate_sig(token, key, iss=None):
    return gripcontrol.validate_sig(token, from_json(key), iss)


def mint(claims, key, alg="HS256", header=None):
    return jwt.encode(claims, from_json(key), algorithm=alg, headers=header)


def mint_by_hand(header, claims, key):
    """A token with any header, whose signature is HMAC-SHA256. PyJWT refuses some of these."""

    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    key = from_json(key)
    key = key.encode() if isinstance(key, str) else key
    signature = hmac.new(key, signed, hashlib.sha256).digest()
    return (signed + b"." + encoded(signature)).decode()


def key_pair(kind):
    """A new key pair as PEM: `private` for mint, `public` for those who verify."""
    if kind == "EC":
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = rsa.generate_private_key(65537, 2048)
    return {
        "private": private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "public": private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    }


def parse_grip_uri(uri):
    return gripcontrol.parse_grip_uri(uri)


def encode(events):
    made = [gripcontrol.WebSocketEvent(event["type"], from_json(event["content"])) for event in events]
    return gripcontrol.encode_websocket_events(made)


def decode(body):
    events = gripcontrol.decode_websocket_events(from_json(body))
    return [{"type": event.type, "content": event.content} for event in events]


def control(type, args=None):
    return gripcontrol.websocket_control_message(type, args)


def channels_of(channels):
    made = []
    for channel in channels:
        one = gripcontrol.Channel(channel["name"], channel.get("prev_id"))
        one.filters = channel.get("filters", [])
        made.append(one)
    return made


def channel_header(channels):
    return gripcontrol.create_grip_channel_header(channels_of(channels))


def hold(mode, channels, response=None, timeout=None):
    if response is not None:
        response = gripcontrol.Response(
            response.get("code"), response.get("reason"), response.get("headers"), from_json(response.get("body"))
        )
    return json.loads(gripcontrol.create_hold(mode, channels_of(channels), response, timeout))


FORMATS = {
    "http-response": gripcontrol.HttpResponseFormat,
    "http-stream": gripcontrol.HttpStreamFormat,
    "ws-message": gripcontrol.WebSocketMessageFormat,
}


def item_of(formats, id=None, prev_id=None, meta=None):
    made = []
    for name, members in formats.items():
        members = {member: from_json(value) for member, value in members.items()}
        made.append(FORMATS[name](**members))
    return Item(made, id, prev_id, meta or {})


def item(**members):
    return item_of(**members).export(formats_field=True)


def publish(uri, channel, **members):
    publisher = gripcontrol.GripPubControl(gripcontrol.parse_grip_uri(uri))
    publisher.publish(channel, item_of(**members), blocking=True)
    publisher.close()
    return True


ANSWERS = {
    function.__name__: function
    for function in (
        validate_sig,
        mint,
        mint_by_hand,
        key_pair,
        parse_grip_uri,
        encode,
        decode,
        control,
        channel_header,
        hold,
        item,
        publish,
    )
}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {"ok": to_json(ANSWERS[question.pop("do")](**question))}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
