import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from migrate.core.errors import Interrupted, NeedsYouError, RefusedError, RemoteError
from migrate.ovhcloud import storage
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.swift import object_store
from migrate.sandbox import control
from migrate.sources.fetch import artifact_exists, fetch
from tests.clouds import calls
from tests.sources.storing import at, content, downloads, put, take
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

BIG = os.urandom(3_000_000)
PARTIAL = "store/partial/*/*.partial"


def test_few_objects_come_by_temporary_url(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {f"m/{number}": bytes([number]) * 1000 for number in range(5)})
    artifact = take(cloud, at(identity, "m"), tmp_path / "store")
    assert len(content(artifact)) == 5
    assert calls(sandbox, "POST", "/publicUrl") == 5
    assert calls(sandbox, "POST", "/storage/access") == 0


def test_many_objects_come_by_swift(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {f"m/{number}": bytes([number]) * 1000 for number in range(30)})
    assert len(content(take(cloud, at(identity, "m"), tmp_path / "store"))) == 30
    assert calls(sandbox, "POST", "/publicUrl") == 0
    assert calls(sandbox, "POST", "/storage/access") == 1


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="this locale cannot write all of them")
def test_odd_names_come_as_they_are(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    names = ["a b", "100%", "q?x=1", "#", "ü/日本", "a+b", "a&b", "-rf", "~", "a'b\"c"]
    identity = put(sandbox, tmp_path, {f"m/{name}": name.encode() for name in names})
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {name: name.encode() for name in names}


@pytest.mark.parametrize(
    "names",
    [["../up"], ["a/../../up"], ["/abs"], ["a\\b"], ["x\x1b[2J"], ["x" * 300], ["A", "a"], ["d", "d/e"], ["a//b"]],
)
def test_hostile_names_are_refused_before_anything_is_read(
    sandbox: Path, tmp_path: Path, cloud: Cloud, names: list[str]
) -> None:
    identity = put(sandbox, tmp_path, {f"m/{name}": b"harm" for name in names})
    with pytest.raises(RefusedError) as caught:
        take(cloud, at(identity, "m"), tmp_path / "store")
    assert caught.value.code == "hostile-path"
    assert downloads(sandbox) == []
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"harm" and "store" in str(path)
    ]


def test_a_truncated_download_is_resumed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, times=2)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}
    assert [status for status, _ in downloads(sandbox, "/m")] == [200, 206, 206]
    assert sum(size for _, size in downloads(sandbox, "/m")) <= len(BIG) + 600_000


def test_a_shorter_length_is_not_believed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, times=1, silent=True)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}


@pytest.mark.parametrize("size", [1, 2_900_000, 3_100_000])
def test_a_small_object_that_changes_after_the_listing_is_taken_as_it_is_then(
    sandbox: Path, tmp_path: Path, cloud: Cloud, size: int
) -> None:
    identity, other, told = put(sandbox, tmp_path, {"m": BIG}), os.urandom(size), list[str]()

    def replaced(done: int, total: int | None) -> None:
        if (done, total) == (0, len(BIG)):  # it was listed, and nothing of it is there
            put(sandbox, tmp_path, {"m": other})

    made = fetch(at(identity, "m"), tmp_path / "store", cloud, replaced, stop=threading.Event(), tell=told.append)
    assert content(made) == {"m": other}
    (text,) = told
    assert "changed while it was downloaded" in text


def test_a_small_object_that_keeps_changing_is_told_as_changed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity, listed = put(sandbox, tmp_path, {"m": BIG}), set[int | None]()

    def replaced(_done: int, total: int | None) -> None:
        if total not in listed:
            listed.add(total)
            put(sandbox, tmp_path, {"m": bytes(2_000_000 // len(listed))})

    with pytest.raises(RemoteError) as caught:
        fetch(at(identity, "m"), tmp_path / "store", cloud, replaced, stop=threading.Event())
    assert caught.value.code == "object-changed"


def test_truncated_for_good_and_then_resumed_by_the_next_run(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "truncated-download", after_bytes=0, nth=2)
    control.fail(sandbox, "truncated-download", after_bytes=2_000_000, times=1)
    with pytest.raises(RemoteError) as caught:
        take(cloud, at(identity, "m"), tmp_path / "store")
    assert caught.value.code == "truncated-download"
    assert "3000000 bytes" in caught.value.what
    control.release(sandbox)
    before = len(downloads(sandbox, "/m"))
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}
    assert [status for status, _ in downloads(sandbox, "/m")[before:]] == [206]


def test_failures_of_the_store_are_tried_again(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "5xx", service="storage", times=2)
    control.fail(sandbox, "429", service="storage", times=1)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}
    control.fail(sandbox, "5xx", service="storage")
    identity = put(sandbox, tmp_path, {"other": b"1"})
    with pytest.raises(RemoteError) as caught:
        take(cloud, at(identity, "other"), tmp_path / "store")
    assert caught.value.code == "storage-unavailable"


def test_damaged_data_is_told_by_its_md5(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG}, etag="0" * 32)
    with pytest.raises(RemoteError) as caught:
        take(cloud, at(identity, "m"), tmp_path / "store")
    assert caught.value.code == "corrupt-download"
    assert len(downloads(sandbox, "/m")) == 2
    assert not (tmp_path / "store" / "artifacts").exists()


def test_a_byte_that_changes_on_the_way_is_noticed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "changed-download", at=1_500_000, times=1)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}


def test_a_right_that_the_store_takes_back_is_renewed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    few = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "expired-credential", service="storage", nth=1, times=1)
    assert content(take(cloud, at(few, "m"), tmp_path / "store")) == {"m": BIG}
    many = put(sandbox, tmp_path, {f"n/{number:03}": b"x" for number in range(60)}, container="many")
    control.fail(sandbox, "expired-credential", service="storage", nth=20, times=1)
    assert len(content(take(cloud, at(many, "n", "many"), tmp_path / "store"))) == 60


def test_a_large_object_has_no_md5_to_check(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG}, slo=True)
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, times=1)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}
    assert [status for status, _ in downloads(sandbox, "/m")] == [200, 206]


def test_versions_are_not_mixed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "truncated-download", after_bytes=0, nth=2)
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, times=1)
    with pytest.raises(RemoteError):
        take(cloud, at(identity, "m"), tmp_path / "store")
    control.release(sandbox)
    (state,) = (tmp_path / "store" / "partial").glob("*/*.json")
    other = os.urandom(len(BIG))
    put(sandbox, tmp_path, {"m": other})
    # as if the new version had come in the same second: only the ETag tells
    saved = json.loads(state.read_text())
    saved["last_modified"] = storage.objects(cloud, identity, "m")[0].last_modified[:19]
    state.write_text(json.dumps(saved))
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": other}
    assert downloads(sandbox, "/m")[-1][0] == 200


def test_a_right_that_expired_is_renewed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": b"data"})
    store = object_store(cloud, container_id=identity, container="box", region="GRA")
    store.read("m", 0, 2)
    store._urls["m"] = store._urls["m"].replace("temp_url_expires=", "temp_url_expires=1")
    assert store.read("m", 1, 2) == b"at"
    assert calls(sandbox, "POST", "/publicUrl") == 2


def test_an_object_that_goes_away(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": b"data"})
    control.fail(sandbox, "5xx", service="storage", status=404, times=1)
    with pytest.raises(RemoteError) as caught:
        take(cloud, at(identity, "m"), tmp_path / "store")
    assert caught.value.code == "object-gone"


def test_nothing_at_the_place(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m2/x": b"data"})
    with pytest.raises(NeedsYouError) as caught:
        take(cloud, at(identity, "m"), tmp_path / "store")
    assert caught.value.code == "no-files"
    assert "box@GRA/m" in caught.value.what


def test_a_sealed_archive_needs_a_person(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": b"data"}, container="cold", archive=True)
    with pytest.raises(NeedsYouError) as caught:
        take(cloud, at(identity, "m", container="cold"), tmp_path / "store")
    assert caught.value.code == "sealed-archive"


def test_a_stop_is_quick_and_the_next_run_goes_on(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "slow", service="storage", bytes_per_second=1_000_000)
    stop = threading.Event()

    def progress(done: int, total: int | None) -> None:
        if done > 500_000:
            stop.set()

    with pytest.raises(Interrupted):
        fetch(at(identity, "m"), tmp_path / "store", cloud, progress, stop=stop)
    assert 500_000 < sum(path.stat().st_size for path in tmp_path.glob(PARTIAL)) < len(BIG)
    control.release(sandbox)
    assert content(take(cloud, at(identity, "m"), tmp_path / "store")) == {"m": BIG}
    assert 206 in [status for status, _ in downloads(sandbox, "/m")]


CHILD = """
import resource, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from tests.clouds import open_cloud
from tests.sources.storing import at, take
with open_cloud(Path(sys.argv[1]), Path(sys.argv[2])) as cloud:
    take(cloud, at(sys.argv[3], "small"), Path(sys.argv[2]) / "warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    take(cloud, at(sys.argv[3], "m"), Path(sys.argv[2]) / "store")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def child(sandbox: Path, tmp_path: Path, identity: str) -> "subprocess.Popen[str]":
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(sandbox), str(tmp_path), identity, root], stdout=subprocess.PIPE, text=True
    )


def test_a_killed_download_is_resumed(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG, "small": b"1"})
    control.fail(sandbox, "slow", service="storage", path_regex="/m$", bytes_per_second=1_000_000)
    with child(sandbox, tmp_path, identity) as process:
        wait_until(lambda: any(path.stat().st_size > 500_000 for path in tmp_path.glob(PARTIAL)), "nothing comes")
        process.send_signal(signal.SIGKILL)
    control.release(sandbox)
    artifact = take(cloud, at(identity, "m"), tmp_path / "store")
    assert content(artifact) == {"m": BIG}
    resumed = [size for status, size in downloads(sandbox, "/m") if status == 206]
    assert len(resumed) == 1
    assert resumed[0] <= len(BIG) - 450_000
    assert artifact_exists(artifact)


def test_memory_does_not_grow_with_size(sandbox: Path, tmp_path: Path) -> None:
    identity = put(sandbox, tmp_path, {"m": bytes(80_000_000), "small": b"1"})
    with child(sandbox, tmp_path, identity) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    grown = int(output) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 20_000_000


def test_two_at_once_are_not_in_each_others_way(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m": BIG})
    control.fail(sandbox, "slow", service="storage", seconds=0.3, times=1)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(take(cloud, at(identity, "m"), tmp_path / "store")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(found) == 2
    assert found[0] == found[1]
    assert artifact_exists(found[0])


def test_progress_reaches_the_total(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"m/a": BIG, "m/b": b"1" * 1000, "m/empty": b""})
    control.fail(sandbox, "truncated-download", after_bytes=1_000_000, times=1, path_regex="/m/a")
    seen: list[tuple[int, int | None]] = []
    fetch(at(identity, "m"), tmp_path / "store", cloud, lambda *step: seen.append(step), stop=threading.Event())
    assert seen[0] == (0, len(BIG) + 1000)
    assert seen[-1] == (len(BIG) + 1000, len(BIG) + 1000)
    assert max(done for done, _ in seen) == len(BIG) + 1000


def test_only_objects_on_their_way_have_room_set_aside(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {f"m/{number}": bytes([number]) * 1000 for number in range(12)})
    store, seen = tmp_path / "store", list[int]()

    def progress(done: int, total: int | None) -> None:
        if done == total:
            seen.append(len(list(store.glob("partial/*/*.spare"))))

    fetch(at(identity, "m"), store, cloud, progress, stop=threading.Event())
    assert max(seen) <= 4  # as many as are downloaded at a time
