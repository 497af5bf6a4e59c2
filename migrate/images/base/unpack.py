"""The layers of an image unpacked into a folder of the content store, for a box to see as its root.

Roots are kept by what they are made of. A root that begins with the layers of one that is there is made of links to
its files, which nobody changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.boxes.layers import LayerError
from migrate.boxes.unpacking import chains, link_tree, unpack
from migrate.images.base.entries import members
from migrate.images.base.fit import unusable
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from pathlib import Path

    from migrate.images.oci.blobs import BaseImage


def unpacked(image: BaseImage, name: str, store: Path) -> Path:
    """The folder of an image's files, made where it is missing.

    Args:
        image: The image.
        name: What a person calls it.
        store: The content store; the folder is in its ``roots``.

    Raises:
        LocalError: A layer is damaged or leaves its root (code ``base-unusable``), or the disk is full.
    """
    names = chains([layer.diff_id for layer in image.layers])
    roots = store / "roots"
    place = roots / names[-1]
    if place.is_dir():
        return place
    with disk_errors(store):
        roots.mkdir(parents=True, exist_ok=True)
        (store / "locks").mkdir(exist_ok=True)
    with exclusive(store / "locks" / f"root-{names[-1][:16]}"), disk_errors(store):
        if place.is_dir():
            return place
        with scratch_folder(store, "root-") as scratch:
            known = max((number for number, chain in enumerate(names) if (roots / chain).is_dir()), default=0)
            root = scratch / "root"
            if known:
                link_tree(roots / names[known], root)
            else:
                root.mkdir()
            for layer in image.layers[known:]:
                try:
                    unpack(members(image, layer, name), root)
                except LayerError as error:
                    raise unusable(name, str(error)) from error
            root.rename(place)
    return place
