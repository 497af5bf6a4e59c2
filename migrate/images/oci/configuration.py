"""The configuration of an image: the base image's, changed by the instructions of a Dockerfile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migrate.images.oci.blobs import LayerBlob
    from migrate.images.oci.instructions import Instruction

CREATED: Final = "1980-01-01T00:00:00Z"
"""The time of every image and of every step: the same model gives the same digest at any time."""

_KEPT: Final = ("architecture", "os", "os.version", "os.features", "variant")


def configuration(
    base: bytes, base_layers: Sequence[LayerBlob], instructions: Iterable[Instruction], layers: Sequence[LayerBlob]
) -> bytes:
    """The JSON of an image's configuration (OCI image specification 1.1, "Image Configuration").

    Args:
        base: The JSON of the base image's.
        base_layers: Its layers, which the configuration must name in the same order.
        instructions: What is done on top.
        layers: The layer of each COPY, in order.

    Raises:
        ValueError: The base's configuration is none, or is of other layers.
    """
    known: dict[str, Any] = msgspec.json.decode(base, type=dict[str, Any])
    diff_ids = [layer.diff_id for layer in base_layers]
    if known.get("rootfs", {}).get("diff_ids") != diff_ids:
        message = "the configuration is of other layers"
        raise ValueError(message)
    settings: dict[str, Any] = {name: value for name, value in (known.get("config") or {}).items() if value is not None}
    history = _history(known.get("history") or [], len(diff_ids))
    for instruction in instructions:
        _apply(settings, instruction)
        step: dict[str, Any] = {"created": CREATED, "created_by": instruction.text}
        history.append(step if instruction.name == "COPY" else {**step, "empty_layer": True})
    made: dict[str, Any] = {
        **{name: known[name] for name in _KEPT if name in known},
        "config": settings,
        "created": CREATED,
        "history": history,
        "rootfs": {"type": "layers", "diff_ids": [*diff_ids, *(layer.diff_id for layer in layers)]},
    }
    return msgspec.json.encode(made, order="sorted")


def _history(steps: list[dict[str, Any]], layers: int) -> list[dict[str, Any]]:
    """The base's steps, or one for each layer where it tells none: engines want a step for each layer."""
    if sum(not step.get("empty_layer") for step in steps) == layers:
        return list(steps)
    return [{"created": CREATED, "created_by": "base image"} for _ in range(layers)]


def _apply(settings: dict[str, Any], instruction: Instruction) -> None:
    words = instruction.words
    match instruction.name:
        case "ENV":
            given = dict(word.split("=", 1) for word in words)
            kept = [line for line in settings.get("Env") or [] if line.partition("=")[0] not in given]
            settings["Env"] = [*kept, *(f"{name}={value}" for name, value in given.items())]
        case "LABEL":
            settings["Labels"] = {**(settings.get("Labels") or {}), **dict(word.split("=", 1) for word in words)}
        case "WORKDIR":
            (settings["WorkingDir"],) = words
        case "USER":
            (settings["User"],) = words
        case "EXPOSE":
            ports: dict[str, dict[str, str]] = {port if "/" in port else f"{port}/tcp": {} for port in words}
            settings["ExposedPorts"] = {**(settings.get("ExposedPorts") or {}), **ports}
        case "ENTRYPOINT":
            settings["Entrypoint"] = list(words)
            settings.pop("Cmd", None)  # it was meant for the program of the base image
        case _:
            pass
