"""All cases."""

from tests.formats.hostile import (
    archives,
    disk,
    far,
    hdf5,
    huggingface,
    keras,
    manifests,
    onnxes,
    pickles,
    pmmls,
    polyglots,
    tensorflows,
    torches,
    torchscripts,
)
from tests.formats.hostile.base import HostileCase

CASES: tuple[HostileCase, ...] = (
    *pickles.CASES,
    *torches.CASES,
    *torchscripts.CASES,
    *archives.CASES,
    *polyglots.CASES,
    *keras.CASES,
    *hdf5.CASES,
    *tensorflows.CASES,
    *onnxes.CASES,
    *pmmls.CASES,
    *huggingface.CASES,
    *manifests.CASES,
    *disk.CASES,
    *far.CASES,
)
