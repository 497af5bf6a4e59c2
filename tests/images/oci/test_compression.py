import gzip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.images.oci.compression import MEMBER, QUICK, SMALL, Compression, compress


@cache
def sample() -> bytes:
    """Text, weights, noise and zeros, 2.6 MB: what a member may be made of."""
    noise = hashlib.shake_256(b"noise").digest(700_000)
    text = b" ".join(b"layer_%d/kernel:%d" % (number, number * 7919 % 65536) for number in range(40_000))
    weights = bytearray(600_000)
    weights[0::3], weights[1::3], weights[2::3] = noise[:200_000], noise[200_000:400_000], b"<=>=" * 50_000
    return text + weights + noise[400_000:] + bytes(800_000)


GOLDEN = {
    QUICK: "57a1ee1336ed8cb42d1c7620309d0a8e0857b188692ab15439df2956a364ec8d",
    SMALL: "b873b592de12625502a3daadab6e893f5fada3cfe6e4f950b1916ab37fd980ac",
}


@pytest.mark.parametrize("compression", [QUICK, SMALL], ids=["quick", "small"])
def test_the_bytes_are_these_on_every_machine(compression: Compression) -> None:
    data = b"".join(compress([sample()], compression))
    assert hashlib.sha256(data).hexdigest() == GOLDEN[compression]


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, len(sample())), max_size=8), level=st.sampled_from([1, 6]))
def test_how_the_input_is_cut_changes_nothing(cuts: list[int], level: int) -> None:
    data, ends = sample(), sorted(cuts)
    pieces = [data[begin:end] for begin, end in zip([0, *ends], [*ends, len(data)], strict=True)]
    packed = b"".join(compress(pieces, Compression(level)))
    assert packed == b"".join(compress([data], Compression(level)))
    assert gzip.decompress(packed) == data


def test_what_waits_is_some_members_whatever_the_size() -> None:
    asked = 0

    def pieces() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(200):
            asked += 1
            yield bytes(MEMBER)

    made = compress(pieces(), QUICK)
    next(made)
    assert asked < 20
    made.close()


def test_the_key_names_library_version_level_and_cut() -> None:
    keys = {Compression(level).key for level in (1, 6)}
    assert len(keys) == 2
    assert all("deflate 0.9.0" in key and str(MEMBER) in key for key in keys)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem", "Haswell"])
def test_a_processor_without_the_newer_instructions_makes_the_same(cpu: str) -> None:
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("Debian's qemu-user is not installed")
    program = (
        "import hashlib, sys; sys.path[:0] = sys.argv[1:]\n"
        "from tests.images.oci.test_compression import QUICK, SMALL, compress, sample\n"
        "for one in (QUICK, SMALL): print(hashlib.sha256(b''.join(compress([sample()], one))).hexdigest())"
    )
    done = subprocess.run(
        [emulator, "-cpu", cpu, sys.executable, "-c", program, *sys.path], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [GOLDEN[QUICK], GOLDEN[SMALL]]
