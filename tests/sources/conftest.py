"""The sandbox for the tests of this room."""

from tests.clouds import cloud, sandbox, started

__all__ = ["cloud", "sandbox", "started"]
