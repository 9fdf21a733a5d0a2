"""PyPI's channelstream, on a Python that is younger than it, without its Flash port."""

import collections
import collections.abc

collections.Mapping = collections.abc.Mapping

from channelstream.cli import start  # noqa: E402


class NoFlash:
    def __init__(self, address, handle):
        pass

    def start(self):
        pass


start.StreamServer = NoFlash
start.main()
