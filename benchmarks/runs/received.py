"""What a registry has received, from its own log and its own store."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

_UPLOAD: Final = re.compile(r'"PUT /v2/\S+/blobs/uploads/\S*?[?&]digest=(?P<digest>[^ &]+)\S* HTTP/[\d.]+" 201 ')

_IMAGES: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)


class Received(Struct, frozen=True):
    """Bytes of blobs that clients sent, each as often as it was sent; ``shared`` are those that every image has."""

    sent: int
    shared: int


def received(registry: Path) -> Received:
    """Count what was pushed to the sandbox's registry in this folder; compressed, as it was sent."""
    log = (registry / "access.log").read_text(encoding="utf-8", errors="replace")
    sent = Counter(unquote(match["digest"]) for match in _UPLOAD.finditer(log))
    store = registry / "data" / "docker" / "registry" / "v2"
    layers = []
    for link in store.glob("repositories/**/_manifests/revisions/sha256/*/link"):
        manifest = json.loads(_blob(store, link.read_text(encoding="ascii").strip()).read_bytes())
        if manifest.get("config", {}).get("mediaType") in _IMAGES:  # not what is kept beside an image
            layers.append({str(layer["digest"]) for layer in manifest["layers"]})
    common = set[str]().union(*layers).intersection(*layers) if len(layers) > 1 else set[str]()
    sizes = {digest: _blob(store, digest).stat().st_size for digest in {*sent, *common}}
    return Received(
        sum(sizes[digest] * times for digest, times in sent.items()), sum(sizes[digest] for digest in common)
    )


def _blob(store: Path, digest: str) -> Path:
    kind, _, name = digest.partition(":")
    return store / "blobs" / kind / name[:2] / name / "data"
