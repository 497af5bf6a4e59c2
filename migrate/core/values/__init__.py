"""The values of a model's journey: each is made once by one step, written to the journal, and never changed.

All are frozen msgspec structs, so each is encoded to JSON and decoded, checked, without further code. Sizes are
bytes, durations seconds, times RFC 3339 in UTC, digests ``sha256:`` and 64 hex digits.
"""

import msgspec

from migrate.core.values.app import (
    App,
    AppRequest,
    AutomaticScaling,
    FixedScaling,
)
from migrate.core.values.image import (
    BuildContext,
    Descriptor,
    Documents,
    Image,
    Layer,
    PushedImage,
    Rehearsal,
    RuntimeImage,
)
from migrate.core.values.model import (
    Artifact,
    ArtifactFile,
    Autoscaling,
    BucketLocation,
    ContainerLocation,
    Conversion,
    FolderLocation,
    Hazard,
    Ignored,
    Inspection,
    Listing,
    Location,
    ModelRecord,
    OldFlavor,
    OldToken,
    UnsafeFile,
    Verdict,
)
from migrate.core.values.proof import (
    Mismatch,
    Outcome,
    OutcomeKind,
    Parity,
    ProofLevel,
    Recording,
    Sample,
    Tolerance,
)

__all__ = [
    "App",
    "AppRequest",
    "Artifact",
    "ArtifactFile",
    "AutomaticScaling",
    "Autoscaling",
    "BucketLocation",
    "BuildContext",
    "ContainerLocation",
    "Conversion",
    "Descriptor",
    "Documents",
    "FixedScaling",
    "FolderLocation",
    "Hazard",
    "Ignored",
    "Image",
    "Inspection",
    "Layer",
    "Listing",
    "Location",
    "Mismatch",
    "ModelRecord",
    "OldFlavor",
    "OldToken",
    "Outcome",
    "OutcomeKind",
    "Parity",
    "ProofLevel",
    "PushedImage",
    "Recording",
    "Rehearsal",
    "RuntimeImage",
    "Sample",
    "Tolerance",
    "UnsafeFile",
    "Verdict",
    "to_json",
]


def to_json(value: object) -> bytes:
    """The JSON text of a value, with sorted keys, so that equal values have equal texts."""
    return msgspec.json.encode(value, order="sorted")
