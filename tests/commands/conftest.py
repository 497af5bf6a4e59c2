"""The sandbox for the commands that log in to it."""

from tests.clouds import sandbox, started

__all__ = ["sandbox", "started"]
