"""A broadcaster of httppubsub as PyPI has it, `lonelypss`, set up in the folder that it is started in.

    topics_broadcaster.py TO_BROADCASTERS_AUTH TO_SUBSCRIBERS_AUTH [SECRETS]

SECRETS is a file whose secrets it takes instead of its own. It takes a free port, and says `listening on
ADDRESS` once it takes connections.

What it sets up does not start as it is: the argument `tracing` is missing, and a token is given
without its name. Globs match nothing with a SQLite that was built with LIKE_DOESNT_MATCH_BLOBS, as
Debian's is.
"""

import pathlib
import re
import shutil
import socket
import subprocess
import sys

to_broadcasters, to_subscribers, *secrets = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
command = [sys.executable, "-m", "lonelypss", "--setup", "--db", "sqlite"]
command += ["--to-broadcasters-auth", to_broadcasters]
command += ["--to-subscribers-auth", to_subscribers]
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
for path in secrets:
    for end in ["broadcaster", "subscriber"]:
        shutil.copy(path, f"{end}-secrets.json")

main = pathlib.Path("main.py")
text = main.read_text().replace(":3003/", f":{port}/")
text = 'import sys, pysqlite3; sys.modules["sqlite3"] = pysqlite3\n' + text
text = text.replace(
    "return ConfigFromParts(",
    "import lonelypss.config.config\n"
    "    return ConfigFromParts(\n"
    "        tracing=lonelypss.config.config.TracingConfigSimple(),",
)
text = re.sub(r"(ToSubscriberTokenAuth\(\s*)auth_secrets", r"\1token=auth_secrets", text)
main.write_text(text)

sys.path.insert(0, ".")
import uvicorn  # noqa: E402

print(f"listening on 127.0.0.1:{port}", flush=True)
uvicorn.Server(uvicorn.Config("main:app", log_level="warning")).run(sockets=[listener])
