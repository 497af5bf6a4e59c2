import subprocess
import sys
import threading
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.ovhcloud.bucket import CAPACITY, PER_SECOND, Bucket


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_full_bucket_then_one_a_second_or_so(tmp_path: Path) -> None:
    clock = Clock()
    bucket = Bucket(tmp_path / "rate.json", now=clock)
    waits = [bucket.reserve() for _ in range(int(CAPACITY) + 3)]
    assert waits[: int(CAPACITY)] == [0.0] * int(CAPACITY)
    assert [round(wait * PER_SECOND, 6) for wait in waits[int(CAPACITY) :]] == [1, 2, 3]
    clock.now += 60.0
    assert bucket.reserve() == 0.0


def test_never_more_than_sixty_in_a_minute_after_the_first_burst(tmp_path: Path) -> None:
    clock = Clock()
    bucket = Bucket(tmp_path / "rate.json", now=clock)
    sent = []
    for _ in range(300):
        clock.now += bucket.reserve()
        sent.append(clock.now)
    after = [moment for moment in sent if moment > sent[0] + 60]
    assert max(sum(1 for other in after if moment <= other < moment + 60) for moment in after) <= 60


def test_threads_and_processes_share_one_bucket(tmp_path: Path) -> None:
    path = tmp_path / "rate.json"
    clock = Clock()
    bucket = Bucket(path, now=clock)
    threads = [threading.Thread(target=lambda: [bucket.reserve() for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    script = (
        "import sys; from pathlib import Path; from migrate.ovhcloud.bucket import Bucket\n"
        "bucket = Bucket(Path(sys.argv[1]), now=lambda: 1000000.0)\n"
        "[bucket.reserve() for _ in range(20)]"
    )
    others = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(2)]
    assert [other.wait(timeout=120) for other in others] == [0, 0]
    assert round(bucket.reserve() * PER_SECOND, 6) == 61 - CAPACITY


def test_a_refusal_makes_everybody_wait(tmp_path: Path) -> None:
    clock = Clock()
    bucket = Bucket(tmp_path / "rate.json", now=clock)
    bucket.reserve()
    bucket.drain(12.0)
    assert 12.0 < Bucket(tmp_path / "rate.json", now=clock).reserve() < 14.0


def test_nothing_in_the_file_blocks_for_long(tmp_path: Path) -> None:
    path, clock = tmp_path / "rate.json", Clock()
    for text in ("", "half{", "[]", '{"tokens": "x"}', '{"tokens": NaN, "at": 0}'):
        path.write_text(text)
        assert Bucket(path, now=clock).reserve() == 0.0
    path.write_text('{"tokens": -1e12, "at": 1000000.0}')
    assert Bucket(path, now=clock).reserve() <= 600.0 + 1
    path.write_text('{"tokens": 5, "at": 9e12}')  # the clock was set back
    assert Bucket(path, now=clock).reserve() == 0.0


def test_a_state_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError) as caught:
        Bucket(tmp_path / "file" / "state" / "rate.json")
    assert caught.value.code == "disk"
    (tmp_path / "folder").mkdir()
    with pytest.raises(LocalError, match="folder"):
        Bucket(tmp_path / "folder").reserve()
