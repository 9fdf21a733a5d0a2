"""An application written with Django and django-grip, which keeps a part of the contract that the
conformance servers keep: /plain, /hold/response, /hold/stream, /publish/all, /ws/echo, /ws/room and
/ws/counter.

It prints `listening on ADDR` when it is ready.
"""

import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from gripcontrol import parse_grip_uri

proxy = parse_grip_uri(os.environ["GRIP_URL"])
# django-grip looks for the key to publish with even where there is another one to verify with.
proxy["key"] = proxy["verify_key"]

settings.configure(
    ALLOWED_HOSTS=["*"],
    GRIP_PROXIES=[proxy],
    MIDDLEWARE=["django_grip.GripMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no use here",
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django_grip import (
    get_pubcontrol,
    set_hold_longpoll,
    set_hold_stream,
    websocket_only,
)
from gripcontrol import HttpResponseFormat, HttpStreamFormat, WebSocketMessageFormat
from pubcontrol import Item


def text(content, status=200):
    return HttpResponse(content, status=status, content_type="text/plain")


def plain(request):
    return text("plain\n")


def hold_response(request):
    if not request.grip.proxied:
        return text("There is no proxy to hold this.\n", 501)
    set_hold_longpoll(
        request,
        request.GET.getlist("channel"),
        timeout=request.GET.get("timeout"),
    )
    return text("timeout\n", int(request.GET.get("status", 200)))


def hold_stream(request):
    if not request.grip.proxied:
        return text("There is no proxy to hold this.\n", 501)
    set_hold_stream(
        request,
        request.GET.getlist("channel"),
        keep_alive_data=request.GET.get("keep_alive"),
        keep_alive_timeout=request.GET.get("keep_alive_timeout"),
    )
    return text("[open]\n")


def publish_all(request):
    body = request.body.decode()
    formats = [
        HttpResponseFormat(body=body),
        HttpStreamFormat(body),
        WebSocketMessageFormat(body),
    ]
    item = Item(formats, id=request.GET.get("id"))
    get_pubcontrol().publish(request.GET["channel"], item, blocking=True)
    return JsonResponse({"published": 1})


def received(context):
    """What was received, until the client closes or goes."""
    while context.can_recv():
        try:
            message = context.recv()
        except IOError:
            return
        if message is None:
            context.close(context.close_code)
            return
        yield message


@websocket_only
def echo(request):
    context = request.wscontext
    if context.is_opening():
        context.accept()
    for message in received(context):
        if isinstance(message, str):
            context.send(message)
        else:
            context.send_binary(message)


@websocket_only
def room(request):
    context = request.wscontext
    channel = request.GET["channel"]
    if context.is_opening():
        context.accept()
        context.subscribe(channel)
    for message in received(context):
        item = Item(WebSocketMessageFormat(message))
        get_pubcontrol().publish(channel, item, blocking=True)


@websocket_only
def counter(request):
    context = request.wscontext
    if context.is_opening():
        context.accept()
    for _ in received(context):
        context.meta["count"] = str(int(context.meta.get("count", 0)) + 1)
        context.send(context.meta["count"])


urlpatterns = [
    path("plain", plain),
    path("hold/response", hold_response),
    path("hold/stream", hold_stream),
    path("publish/all", publish_all),
    path("ws/echo", echo),
    path("ws/room", room),
    path("ws/counter", counter),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(WSGIRequestHandler):
    def address_string(self):
        return self.client_address[0]


host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
server = make_server(host, int(port), get_wsgi_application(), Server, Handler)
print("listening on %s:%d" % server.server_address, flush=True)
server.serve_forever()
