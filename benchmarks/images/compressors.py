"""What could compress layers, side by side: size and pace on a runtime's packages, on weights, and on noise.

    uv run --with deflate==0.9.0 --with zlib-ng==1.1.0 benchmarks/images/compressors.py FOLDER

FOLDER holds packages, such as a runtime's in the content store. Libraries whose output depends on the processor are
left out (findings/isal-compresses-by-the-processor.sh).
"""

import hashlib
import io
import random
import struct
import sys
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import deflate
from zlib_ng import zlib_ng

MEMBER = 1 << 20


def packages(folder: Path) -> bytes:
    """A folder as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        packed.add(folder, arcname="packages")
    return out.getvalue()


def weights() -> bytes:
    """16 MB of float32 from a normal distribution."""
    chance = random.Random(7)  # noqa: S311 - a benchmark's data
    return b"".join(struct.pack("<f", chance.gauss(0, 0.05)) for _ in range(4 << 20))


def candidates() -> Iterator[tuple[str, Callable[[bytes], int]]]:
    """Each compressor with its name; it tells the size of what it made."""
    for level in (1, 3, 6):
        yield (
            f"libdeflate {level}",
            lambda data, level=level: sum(
                len(deflate.gzip_compress(data[start : start + MEMBER], level)) for start in range(0, len(data), MEMBER)
            ),
        )
    for name, library, levels in (("zlib-ng", zlib_ng, (2, 4, 6)), ("zlib", zlib, (6,))):
        for level in levels:
            yield f"{name} {level}", lambda data, level=level, library=library: len(library.compress(data, level))


def main() -> None:
    """Print a table."""
    kinds = {"packages": packages(Path(sys.argv[1])), "weights": weights()}
    kinds["noise"] = hashlib.shake_256(b"noise").digest(16 << 20)
    print(f"{'':14}", *(f"{name:>20}" for name in kinds))
    for name, compress in candidates():
        cells = []
        for data in kinds.values():
            before = time.process_time()
            size = compress(data)
            pace = len(data) / (time.process_time() - before) / 1e6
            cells.append(f"{size / len(data):9.1%} {pace:5.0f} MB/s")
        print(f"{name:14}", *(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
