"""One call of the API: `call.py HOST:PORT SECRET PATH BODY` prints the answer."""

import http.client
import sys

from itsdangerous import TimestampSigner

address, secret, path, body = sys.argv[1:]
connection = http.client.HTTPConnection(address, timeout=20)
token = TimestampSigner(secret).sign(path).decode()
connection.request("POST", path, body, {"x-channelstream-secret": token})
response = connection.getresponse()
print(response.read().decode())
sys.exit(0 if response.status == 200 else response.status // 100)
