"""Takes all subscriptions out of the store of the broadcaster that was set up in this folder."""

import pysqlite3

with pysqlite3.connect("subscriptions.db") as connection:
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'httppubsub_subscription%'"
    ).fetchall()
    assert tables, "there are no subscriptions"
    for (name,) in tables:
        connection.execute(f"DELETE FROM {name}")
