"""A broadcaster of httppubsub as PyPI has it, `lonelypss`, set up in the folder that it is started in.

    topics_broadcaster.py PORT TO_BROADCASTERS_AUTH TO_SUBSCRIBERS_AUTH

What it sets up does not start as it is: the argument `tracing` is missing, and a token is given
without its name. Globs match nothing with a SQLite that was built with LIKE_DOESNT_MATCH_BLOBS, as
Debian's is.
"""

import pathlib
import re
import subprocess
import sys

port, to_broadcasters, to_subscribers = sys.argv[1:]
command = [sys.executable, "-m", "lonelypss", "--setup", "--db", "sqlite"]
command += ["--to-broadcasters-auth", to_broadcasters]
command += ["--to-subscribers-auth", to_subscribers]
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

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

uvicorn.run("main:app", host="127.0.0.1", port=int(port), log_level="warning")
