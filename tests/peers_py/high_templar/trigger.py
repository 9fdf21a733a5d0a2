"""Publishes a trigger as a backend does: trigger.py HOST PORT BODY."""

import sys

import pika

host, port, body = sys.argv[1:]
connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port)))
channel = connection.channel()
channel.basic_publish("hightemplar", "*", body)
connection.close()
