"""Ranges of a file that lies elsewhere: the right bytes, none twice, few requests, and never more than is allowed."""

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.looked import NotKnown
from migrate.sources.ranged import LEAST_ALLOWED, MOST_REQUESTS, PAGE, Budget, RangedFile, RangedFiles

DATA = os.urandom(3_000_000)


class Far:
    """A file whose requests are kept."""

    def __init__(self, data: bytes, least: int = LEAST_ALLOWED) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []
        self.budget = Budget(len(data), least)
        self.file = RangedFile("m.bin", len(data), self._fetch, self.budget)
        self.files = RangedFiles([self.file], self.budget, (), asked=1)

    def _fetch(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        assert 0 < length <= len(self.data) - offset
        return self.data[offset : offset + length]

    @property
    def bytes_asked(self) -> int:
        return sum(length for _, length in self.asked)


READS = st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 300_000)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(reads=READS, least=st.sampled_from([10_000, 100_000, 1_000_000, 4_000_000]))
def test_any_reads_give_the_bytes_once_within_the_budget(reads: list[tuple[int, int]], least: int) -> None:
    far = Far(DATA, least)
    for offset, length in reads:
        try:
            assert far.file(offset, length) == DATA[offset : offset + length]
        except NotKnown:
            assert not far.budget.whole
    places = sorted(far.asked)
    assert all(start + length <= after for (start, length), (after, _) in itertools.pairwise(places)), (
        "no byte is asked for twice"
    )
    assert far.bytes_asked == far.budget.spent == far.files.bytes_read <= far.budget.allowed
    assert far.files.requests == 1 + len(far.asked)


def test_a_reader_of_eight_bytes_at_a_time_makes_few_requests() -> None:
    far = Far(DATA)
    for offset in range(0, 800_000, 8):
        assert far.file(offset, 8) == DATA[offset : offset + 8]
    assert len(far.asked) < 20
    assert far.bytes_asked < 1_100_000


def test_jumps_from_part_to_part_read_little() -> None:
    far = Far(DATA)
    for offset in range(0, 2_900_000, 20_000):
        far.file(offset, far.file.block)
    assert len(far.asked) <= 145
    assert far.bytes_asked < 145 * 2 * PAGE + 200_000


def test_what_is_small_is_read_whole() -> None:
    far = Far(DATA[:1_500_000])
    assert far.file(700_000, 10) == DATA[700_000:700_010]
    assert far.files.digest("m.bin").startswith("sha256:")
    assert far.bytes_asked == 1_500_000
    assert len(far.asked) < 12
    assert not far.files.leave_out("m.bin", 1_500_000, "the checksums")
    assert far.files.unchecked == []


def test_two_percent_of_a_large_model_and_never_more_than_memory_holds() -> None:
    assert Budget(1_000).allowed == 2_000_000
    assert Budget(100_000_000).allowed == 2_000_000
    assert Budget(200_000_000).allowed == 4_000_000
    assert Budget(5_000_000_000).allowed == 16 * 1024 * 1024


def test_what_is_too_much_is_told_with_its_file() -> None:
    far = Far(DATA)
    with pytest.raises(NotKnown, match="than the 2,000,000 bytes"):
        far.file(0, 2_500_000)
    assert far.asked == [], "nothing is asked for in vain"
    assert far.files.digest("m.bin") == ""
    assert far.files.leave_out("m.bin", 2_900_000, "the checksums of its 3 entries")
    assert len(far.files.unchecked) == 2
    assert far.files.unchecked[1].startswith('In "m.bin", the checksums of its 3 entries are not compared: ')
    many = Far(bytes(PAGE * 4 * (MOST_REQUESTS + 100)))
    for number in range(MOST_REQUESTS):
        many.file((4 * number + 2) * PAGE, 1)
    with pytest.raises(NotKnown, match=f"more than {MOST_REQUESTS} places"):
        many.file((4 * MOST_REQUESTS + 2) * PAGE, 1)
