"""The benchmark of runs itself, on two small models; and how it counts what a registry has received."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.runs.received import received

CHECKOUT = Path(__file__).parents[2]
PUT = '127.0.0.1 - - [1/Nov/2026:11:54:01 +0000] "PUT {} HTTP/1.1" {} 0 "" "docker/20"\n'


def _kept(store: Path, digest: str, content: bytes) -> str:
    file = store / "blobs" / "sha256" / digest[:2] / digest / "data"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return f"sha256:{digest}"


def test_what_was_sent_twice_counts_twice_and_what_all_images_have_is_shared(tmp_path: Path) -> None:
    store = tmp_path / "data" / "docker" / "registry" / "v2"
    base, one, two = (_kept(store, letter * 64, bytes(size)) for letter, size in zip("abc", (100, 7, 30), strict=True))
    for number, layers in enumerate(((base, one), (base, two))):
        config = {"mediaType": "application/vnd.oci.image.config.v1+json"}
        text = json.dumps({"config": config, "layers": [{"digest": digest} for digest in layers]}).encode()
        manifest = _kept(store, f"{number}d" * 32, text)
        link = store / f"repositories/r{number}/_manifests/revisions/sha256/{manifest[7:]}/link"
        link.parent.mkdir(parents=True)
        link.write_text(manifest)
    beside = _kept(store, "f" * 64, b'{"config": {"mediaType": "application/vnd.oci.empty.v1+json"}, "layers": []}')
    link = store / f"repositories/r0/_manifests/revisions/sha256/{beside[7:]}/link"
    link.parent.mkdir(parents=True)
    link.write_text(beside)  # a document beside an image
    upload = "/v2/r0/blobs/uploads/6f-1?_state=x&digest={}"
    lines = [PUT.format(upload.format(digest.replace(":", "%3A")), 201) for digest in (base, base, one, two)]
    lines += [PUT.format(upload.format("sha256%3A" + "e" * 64), 400), PUT.format("/v2/r0/manifests/tag", 201)]
    (tmp_path / "access.log").write_text("".join(lines))
    found = received(tmp_path)
    assert (found.sent, found.shared) == (237, 100)


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(1800)  # both sides begin with nothing
def test_a_run_beside_a_shell_script(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "benchmarks.runs", "--models", "2", "--most", "20000", "--only", "this,after"]
    done = subprocess.run(
        [*command, "--out", str(numbers)], cwd=CHECKOUT, capture_output=True, text=True, timeout=1750, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "API calls again" in done.stdout
    found = json.loads(numbers.read_text())
    (this,), (shell,) = found["sides"]["this"], found["sides"]["after"]
    assert this["seconds"] > this["again"]["seconds"] > 0
    assert this["steps"]["push"] > 0
    assert this["received"]["sent"] - this["received"]["shared"] < 2 * found["bytes"] + 500_000  # documents beside them
    assert shell["received"]["shared"] > 10_000_000
    assert shell["calls"] >= 2
