"""Rows as tables for people, and as JSON with every number and version."""

from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.images.measure import Row
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
    return f"over the base image's layers\n{aligned(lines)}\n\npublished by others, whole images\n{aligned(others)}"


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
