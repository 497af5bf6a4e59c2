"""The sandbox's API, for commands that need a cloud."""

from tests.clouds import cloud, sandbox, started

__all__ = ["cloud", "sandbox", "started"]
