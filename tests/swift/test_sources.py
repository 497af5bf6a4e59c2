"""Containers of a real OpenStack Swift as sources: what is listed, and what is fetched, by either road."""

import base64
import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from migrate.core.errors import Interrupted, MigrateError, RemoteError
from migrate.core.values import ContainerLocation, ModelRecord
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.swift import object_store
from migrate.sources.checksums import SegmentCheck, segment_check
from migrate.sources.fetch import fetch
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source
from tests.sources.storing import content
from tests.swift.service import Api, Swift
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

MODEL = b"ONNX" + os.urandom(300_000)
SIZE = 100_000
ROADS = pytest.mark.parametrize("road", ["url", "container-url", "token"])


def recognise(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
    return "onnx" if read(0, 4) == b"ONNX" and len(read(size - 1, 1)) == 1 else None


class Box:
    """The container ``box``, listed and fetched by the tool."""

    def __init__(self, swift: Swift, cloud: Cloud, folder: Path) -> None:
        self.swift, self.cloud, self.store = swift, cloud, folder / "store"
        self.id = b"box".hex()
        swift.put("box")
        swift.put("box_segments")

    def pieces(self, prefix: str, container: str = "box") -> list[str]:
        names = [f"{prefix}{start // SIZE:02}" for start in range(0, len(MODEL), SIZE)]
        for number, name in enumerate(names):
            self.swift.put(container, name, MODEL[number * SIZE : (number + 1) * SIZE])
        return [f"{container}/{name}" for name in names]

    def dlo(self, name: str, prefix: str) -> None:
        self.swift.put("box", name, X_Object_Manifest=prefix)

    def models(self, source: str = "box@GRA") -> tuple[dict[str, str], dict[str, str]]:
        listing = list_models(parse_source(source), self.cloud, recognise)
        models = {item.id: item.location.path for item in listing.models}  # type: ignore[union-attr]
        return models, {item.path: item.reason for item in listing.ignored}

    def take(self, path: str) -> dict[str, bytes]:
        return content(fetch(self._record(path), self.store, self.cloud, lambda *_: None, stop=threading.Event()))

    def begin(self, path: str) -> None:
        """Fetch, and stop after the first bytes."""
        stop = threading.Event()

        def progress(done: int, _total: int | None) -> None:
            if done:
                stop.set()

        with pytest.raises(Interrupted):
            fetch(self._record(path), self.store, self.cloud, progress, stop=stop)

    def _record(self, path: str) -> ModelRecord:
        place = ContainerLocation(region="GRA", container="box", container_id=self.id, path=path)
        return ModelRecord(id="m", source="s", location=place)


@pytest.fixture
def box(swift: Swift, cloud: Cloud, tmp_path: Path) -> Box:
    return Box(swift, cloud, tmp_path)


def take_road(road: str, api: Api, box: Box) -> None:
    api.container_key = road == "container-url"
    if road == "token":
        object_store(box.cloud, container_id=box.id, container="box", region="GRA").many(100)


@pytest.mark.slow
def test_large_objects_are_files(box: Box) -> None:
    box.pieces("m/big.onnx/")
    box.dlo("m/big.onnx", "box/m/big.onnx/")
    models, ignored = box.models()
    assert models == {"m": "m"}
    assert ignored == {"m/big.onnx/0*": "4 segments of the large object 'm/big.onnx'"}
    assert box.take("m") == {"big.onnx": MODEL}


@pytest.mark.slow
@ROADS
@pytest.mark.parametrize("place", ["box", "box_segments"])
def test_every_kind_of_large_object_by_every_road(box: Box, api: Api, road: str, place: str) -> None:
    box.swift.put_slo("box", "slo.onnx", box.pieces("slo.onnx_", place))
    box.pieces("elsewhere/d/", place)
    box.dlo("dlo.onnx", f"{place}/elsewhere/d/")
    take_road(road, api, box)
    models, ignored = box.models()
    assert models == {"slo": "slo.onnx", "dlo": "dlo.onnx"}
    assert len(ignored) == (2 if place == "box" else 0)
    assert box.take("slo.onnx") == {"slo.onnx": MODEL}
    assert box.take("dlo.onnx") == {"dlo.onnx": MODEL}
    assert box.models("box_segments@GRA")[0] == {}


@pytest.mark.slow
@ROADS
@pytest.mark.parametrize("static", [False, True])
def test_links(box: Box, api: Api, road: str, static: bool) -> None:
    box.swift.put("other")
    box.swift.put("other", "real.onnx", MODEL)
    etag = {"X_Symlink_Target_Etag": box.swift.ask("HEAD", "/other/real.onnx").headers["ETag"]} if static else {}
    box.swift.put("box", "m.onnx", X_Symlink_Target="other/real.onnx", **etag)
    box.swift.put("box", "n/model.onnx", MODEL)
    box.swift.put("box", "n/weights", X_Symlink_Target="other/real.onnx", **etag)
    box.swift.put("box", "nowhere.onnx", X_Symlink_Target="other/nothing")
    take_road(road, api, box)
    models, ignored = box.models()
    assert models == {"m": "m.onnx", "n": "n"}
    assert "links to what is not there" in ignored["nowhere.onnx"]
    assert box.take("m.onnx") == {"m.onnx": MODEL}
    assert box.take("n") == {"model.onnx": MODEL, "weights": MODEL}


@pytest.mark.slow
@ROADS
def test_one_object_that_cannot_be_read(box: Box, api: Api, road: str) -> None:
    box.swift.put("box", "iris.onnx", MODEL)
    box.swift.put_slo("box", "first.onnx", box.pieces("f", "box_segments"))
    box.swift.put_slo("box", "later.onnx", box.pieces("l", "box_segments"))
    for gone in ("f00", "l02"):
        box.swift.ask("DELETE", f"/box_segments/{gone}")
    box.swift.put("box", "expired.onnx", MODEL, X_Delete_After="1")
    box.swift.put_as_it_is("box", "dots/../iris.onnx", b"another")
    box.swift.put("box", "lie.onnx", MODEL, Content_Encoding="gzip")
    box.swift.put("box", "packed.onnx", gzip.compress(MODEL), Content_Encoding="gzip")
    wait_until(lambda: box.swift.ask("HEAD", "/box/expired.onnx").status_code == 404, "nothing expires")
    take_road(road, api, box)
    models, ignored = box.models()
    assert set(models) - {"later"} == {
        "iris",
        "lie",
        "packed",
    }  # what is read of the one that breaks off later is there
    assert "a segment of it is missing" in ignored["first.onnx"]
    assert "expired" in ignored["expired.onnx"]
    assert box.take("lie.onnx") == {"lie.onnx": MODEL}
    assert box.take("packed.onnx") == {"packed.onnx": MODEL}
    for path, codes in [
        ("first.onnx", {"object-unreadable"}),
        ("later.onnx", {"truncated-download", "object-unreadable"}),
        ("expired.onnx", {"object-gone"}),
        ("dots", {"hostile-path"}),
    ]:
        with pytest.raises(MigrateError) as caught:
            box.take(path)
        assert caught.value.code in codes


@pytest.mark.slow
def test_the_manifest_tells_damage_where_each_segment_is_an_object(box: Box) -> None:
    names = box.pieces("s", "box_segments")
    box.swift.put_slo("box", "m.onnx", names)
    box.swift.put_slo("box", "nested.onnx", ["box/m.onnx"])
    mixed = [{"path": f"/{names[0]}", "range": "0-9"}, {"data": base64.b64encode(b"more").decode()}]
    box.swift.put("box", "mixed.onnx", json.dumps(mixed).encode(), "?multipart-manifest=put")
    store = object_store(box.cloud, container_id=box.id, container="box", region="GRA")

    def check(name: str) -> SegmentCheck | None:
        facts = store.facts_now(name)
        assert facts.static
        assert facts.size is not None
        return segment_check(store, name, etag=facts.etag, size=facts.size)

    found = check("m.onnx")
    assert found is not None
    found.update(MODEL)
    assert found.fits()
    assert [check("nested.onnx"), check("mixed.onnx")] == [None, None]
    assert [one.is_whole for one in store.segments("mixed.onnx")] == [False, False]
    assert box.take("mixed.onnx") == {"mixed.onnx": MODEL[:10] + b"more"}


@pytest.mark.slow
def test_markers_and_odd_names(box: Box) -> None:
    names = ["a b", "100%", "q?x=1", "#", "ü/日本", "a+b", "a&b", "-rf", "~", "a'b\"c"]
    box.swift.put("box", "m/", b"\n", Content_Type="application/directory")
    box.swift.put("box", "m/sub", Content_Type="application/directory")
    for name in names:
        box.swift.put("box", f"m/sub/{name}", name.encode())
    assert box.take("m") == {f"sub/{name}": name.encode() for name in names}


@pytest.mark.slow
@ROADS
@pytest.mark.parametrize("kind", ["plain", "slo", "dlo"])
def test_a_download_that_is_cut_goes_on(
    box: Box, api: Api, road: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "plain":
        box.swift.put("box", "m.onnx", MODEL)
    elif kind == "slo":
        box.swift.put_slo("box", "m.onnx", box.pieces("s", "box_segments"))
    else:
        box.pieces("d", "box_segments")
        box.dlo("m.onnx", "box_segments/d")
    take_road(road, api, box)
    box.begin("m.onnx")
    (partial,) = box.store.glob("partial/*/*.partial")
    had = partial.stat().st_size
    assert 0 < had < len(MODEL)
    asked: list[str] = []
    send = requests.Session.request

    def spy(session: requests.Session, *given: Any, **details: Any) -> requests.Response:
        asked.append((details.get("headers") or {}).get("Range", ""))
        return send(session, *given, **details)

    monkeypatch.setattr(requests.Session, "request", spy)
    assert box.take("m.onnx") == {"m.onnx": MODEL}
    assert f"bytes={had}-" in asked


@pytest.mark.slow
def test_an_object_that_was_replaced_is_fetched_anew(box: Box) -> None:
    box.swift.put("box", "m.onnx", MODEL)
    box.begin("m.onnx")
    other = b"ONNX" + os.urandom(len(MODEL) - 4)
    box.swift.put("box", "m.onnx", other)
    assert box.take("m.onnx") == {"m.onnx": other}


@pytest.mark.slow
def test_versioned_containers(box: Box) -> None:
    box.swift.put("box_versions")
    box.swift.ask("POST", "/box", headers={"X-Versions-Location": "box_versions"})
    box.swift.put("box", "m/m.onnx", b"older")
    time.sleep(0.01)
    box.swift.put("box", "m/m.onnx", MODEL)
    assert box.models()[0] == {"m": "m"}
    assert box.take("m") == {"m.onnx": MODEL}
    models, ignored = box.models("box_versions@GRA")
    assert (models, len(ignored)) == ({}, 1)


@pytest.mark.slow
def test_many_objects_are_listed_in_pages(box: Box) -> None:
    for number in range(300):
        box.swift.put("box", f"{number:03}.txt", b"x")
    box.swift.put("box", "iris.onnx", MODEL)
    models, ignored = box.models()
    assert models == {"iris": "iris.onnx"}
    assert set(ignored) == {f"{number:03}.txt" for number in range(300)}
    assert ignored["299.txt"].startswith("40 of the 300 files here")


@pytest.mark.slow
def test_a_wrong_token_is_renewed(box: Box, api: Api) -> None:
    box.swift.put("box", "m.onnx", MODEL)
    take_road("token", api, box)
    token, api.swift.token = api.swift.token, "AUTH_tk0"
    try:
        with pytest.raises(RemoteError):
            box.models()
    finally:
        api.swift.token = token
    assert box.models()[0] == {"m": "m.onnx"}
