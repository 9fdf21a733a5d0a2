"""PyPI's high-templar, set up by environment variables."""

import os

from high_templar.main import create_app


class Settings:
    API_URL = os.environ["API_URL"]
    RABBITMQ = {
        "exchange_name": "hightemplar",
        "username": "guest",
        "password": "guest",
        "host": os.environ["BROKER"],
    }


app = create_app(Settings)


@app.on_connect
@app.on_ping
async def online(connection):
    await connection.backend_adapter.post("user/notify_online/")


@app.on_disconnect
async def offline(connection):
    await connection.backend_adapter.post("user/notify_offline/")
