"""Tables of text."""

from collections.abc import Container


def aligned(rows: list[list[str]], texts: Container[int] = (0,)) -> str:
    """Rows of equally many cells as lines: columns of texts to the left, the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (
            cell.ljust(width) if place in texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(["  " + first, *rest]).rstrip())
    return "\n".join(lines)
