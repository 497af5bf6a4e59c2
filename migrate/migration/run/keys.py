"""Keys of steps: a value is made again when what it was made from, or how, has changed (decisions: Steps and keys)."""

from collections.abc import Mapping

import msgspec

from migrate.core.names import digest_of


def step_key(step: str, version: int, inputs: tuple[str, ...], options: Mapping[str, object] | None = None) -> str:
    """The key of a step's value: 64 hex digits.

    Args:
        step: The step's name.
        version: The version of the step's own code; raised when it makes another value from the same inputs.
        inputs: The digests of the values it reads, in order.
        options: The options it reads, by name. A secret is never one: its presence may be.
    """
    text = msgspec.json.encode(dict(options or {}), order="sorted").decode()
    return digest_of(step, str(version), text, *inputs)
