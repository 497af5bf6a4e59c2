"""A SavedModel that takes more of TensorFlow than is imported at first."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server.format_models import field, python_of, saved_model, serving

pytestmark = [pytest.mark.timeout(900), pytest.mark.runtimes, pytest.mark.slow]

# An operator that a module of the package brings, and not its main library.
MAKE = """
import json, sys
import tensorflow as tf
from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    audio = v1.placeholder(tf.int16, [None], "audio")
    features = audio_microfrontend_op.audio_microfrontend(audio)
    v1.saved_model.simple_save(session, sys.argv[1], {"audio": audio}, {"features": tf.cast(features, tf.int32)})
    print(json.dumps(session.run(features, {audio: [3, 1000, -1000, 7] * 200}).tolist()))
"""


def test_its_operators_are_found_by_all_that_load_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "sound"
    folder.mkdir(parents=True)
    command = [python_of("tensorflow"), "-c", MAKE, str(folder / "files")]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    settings = {
        **saved_model("."),
        "inputs": [field("audio", "integer", -1)],
        "outputs": [field("features", "integer", -1, -1)],
    }
    (folder / "model.json").write_text(json.dumps({"schema": 1, "id": "sound", **settings}))
    shutil.copytree(folder, folder.with_name("noise"))
    (folder.with_name("noise") / "model.json").write_text(json.dumps({"schema": 1, "id": "noise", **settings}))
    with serving(tmp_path / "models", "tensorflow", tmp_path, threads="2") as server:
        for name in ("sound", "noise"):
            found = server.eval({"audio": [3, 1000, -1000, 7] * 200}, f"/{name}/eval").json()
            assert found == {"features": answer}
