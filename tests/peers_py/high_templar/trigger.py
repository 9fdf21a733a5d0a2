"""Publishes triggers as a backend does: trigger.py HOST PORT BODY..."""

import sys

import pika

host, port, *bodies = sys.argv[1:]
connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))
channel = connection.channel()
for body in bodies:
    channel.basic_publish("hightemplar", "*", body)
connection.close()
