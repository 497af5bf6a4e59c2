"""Run in the environment of the TensorFlow runtime: exports the model that its input describes."""

import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1


class Table(tf.Module):
    """A linear layer as a module with one function."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self.weights = tf.Variable(np.array(content["weights"], np.float32), name="weights")
        self.bias = tf.Variable(np.array(content["bias"], np.float32), name="bias")

    def linear(self, data: tf.Tensor) -> tf.Tensor:
        """The rows times the weights."""
        return tf.matmul(data, self.weights) + self.bias


def save(module: tf.Module, folder: Path, function: Any) -> None:
    """A SavedModel of TensorFlow 2; the file of random identifiers that newer versions add is left out."""
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    (folder / "fingerprint.pb").unlink()
    shutil.rmtree(folder / "assets")


def wine(folder: Path, content: dict[str, Any]) -> None:
    """Probabilities, and the label of the largest as a string."""
    module = Table(content)
    module.labels = tf.Variable(content["labels"], trainable=False, name="labels")

    @tf.function(input_signature=[tf.TensorSpec([None, 13], tf.float32, name="measurements")])
    def classify(measurements: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = module.linear(measurements)
        label = tf.gather(module.labels, tf.argmax(logits, axis=1))
        return {"probabilities": tf.nn.softmax(logits), "cultivar": label}

    save(module, folder, classify)


def diabetes(folder: Path, content: dict[str, Any]) -> None:
    """A graph of TensorFlow 1 with a signature ``predict`` beside another one."""
    with tf.Graph().as_default(), v1.Session() as session:
        patient = v1.placeholder(tf.float32, [None, 10], name="patient")
        name = v1.placeholder(tf.string, [None], name="name")
        weights = v1.get_variable("weights", initializer=np.array(content["weights"], np.float32), use_resource=False)
        bias = v1.get_variable("bias", initializer=np.array(content["bias"], np.float32), use_resource=False)
        progression = tf.matmul(patient, weights) + bias
        session.run(v1.global_variables_initializer())
        predict = v1.saved_model.predict_signature_def(
            {"patient": patient, "name": name}, {"progression": progression, "name_out": tf.identity(name)}
        )
        other = v1.saved_model.predict_signature_def({"x": patient}, {"y": progression})
        shutil.rmtree(folder)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"predict": predict, "serving_default": other})
        builder.save()
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def load(folder: Path, content: dict[str, Any]) -> None:
    """A zip with entries for its folders, as the old runtime wanted it."""
    module = Table(content)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="history")])
    def predict(history: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"next": module.linear(history)}

    made = folder / "made"
    save(module, made, predict)
    with zipfile.ZipFile(folder / "load.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(made.rglob("*")):
            info = zipfile.ZipInfo(path.relative_to(made).as_posix() + ("/" if path.is_dir() else ""))
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, b"" if path.is_dir() else path.read_bytes())
    shutil.rmtree(made)


def progression(folder: Path, content: dict[str, Any]) -> None:
    """The step of a flow, in a folder of its own."""
    module = Table(content)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="scaled")])
    def predict(scaled: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"output": module.linear(scaled)}

    save(module, folder / "model", predict)


MODELS = {"wine": wine, "diabetes": diabetes, "load": load, "progression": progression}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    MODELS[asked["model"]](Path(sys.argv[1]), asked)
