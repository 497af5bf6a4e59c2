"""Names that are no Unicode: listed as ignored, in text and as JSON."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from migrate.core.values import to_json
from migrate.formats.recognise import recognise
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source

IRIS = Path(__file__).parents[2] / "examples" / "models" / "iris" / "iris.onnx"


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="any byte is a letter in this locale")
def test_a_name_that_is_no_unicode_is_ignored_and_shown(tmp_path: Path) -> None:
    shutil.copy(IRIS, tmp_path / "fine.onnx")
    shutil.copy(IRIS, os.fsencode(tmp_path) + b"/\xff.onnx")

    listing = list_models(parse_source(str(tmp_path)), None, recognise)

    assert [model.id for model in listing.models] == ["fine"]
    assert [item.path for item in listing.ignored] == ["\\udcff.onnx"]
    assert b"\\\\udcff.onnx" in to_json(listing)
