"""Rows as tables for people, and as JSON with every number and version."""

from dataclasses import asdict
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.images.measure import SLIM, Row
from benchmarks.images.published import PUBLISHED
from benchmarks.tables import aligned

_MB = 1e6
_HEAD = [
    "",
    "runtime",
    "cold build s",
    "packages s",
    "warm build s",
    "layers",
    "disk MB",
    "compressed MB",
    "ready s",
    "RSS MB",
]


def table(rows: list[Row]) -> str:
    """A line for each model, then what others publish."""
    lines = [_HEAD, *(_cells(row) for row in rows)]
    others = [["", "figure", "source"], *([one.what, one.figure, one.source] for one in PUBLISHED)]
    parts = [f"over the base image's layers\n{aligned(lines)}"]
    gains = [_gain(before, after) for before, after in pairwise(rows) if after.name == before.name + SLIM]
    if gains:
        parts.append("\n".join(["with --slim", *gains]))
    parts.append(f"published by others, whole images\n{aligned(others, texts=range(3))}")
    return "\n\n".join(parts)


def _gain(before: Row, after: Row) -> str:
    compressed = before.compressed_bytes / after.compressed_bytes
    ready = median(before.ready_seconds) / median(after.ready_seconds)
    memory = median(before.peak_bytes) / median(after.peak_bytes)
    return (
        f"{before.name}: {compressed:.1f} times smaller, ready {ready:.1f} times sooner, {memory:.1f} times less memory"
    )


def _cells(row: Row) -> list[str]:
    return [
        row.name,
        row.runtime,
        f"{row.cold_seconds:.1f}",
        f"{row.packages_seconds:.1f}",
        f"{row.model_seconds:.1f}",
        str(len(row.layers)),
        f"{row.unpacked_bytes / _MB:.1f}",
        f"{row.compressed_bytes / _MB:.1f}",
        f"{median(row.ready_seconds):.2f}",
        f"{median(row.peak_bytes) / _MB:.0f}",
    ]


def document(rows: list[Row], machine: dict[str, object]) -> dict[str, Any]:
    """Everything that was measured, and what others publish."""
    return {
        "machine": machine,
        "rows": [
            {
                **asdict(row),
                "cold_seconds": row.cold_seconds,
                "unpacked_bytes": row.unpacked_bytes,
                "compressed_bytes": row.compressed_bytes,
            }
            for row in rows
        ],
        "published": [asdict(one) for one in PUBLISHED],
    }
