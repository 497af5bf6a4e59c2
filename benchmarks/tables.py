"""Tables of text."""


def aligned(rows: list[list[str]]) -> str:
    """Rows of equally many cells as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(["  " + first, *rest]).rstrip())
    return "\n".join(lines)
