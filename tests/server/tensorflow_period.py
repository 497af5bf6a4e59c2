"""Makes SavedModels with the API of TensorFlow 1. Run with the Python of the runtime ``tensorflow``, and a folder."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

tf1: Any = tf.compat.v1


def save(folder: Path, source: Any, target: Any, *, shape: bool = True) -> None:
    """A SavedModel of one signature from ``x`` to ``y``; without shapes it is one from before TensorFlow 1.0."""
    infos = [tf1.saved_model.utils.build_tensor_info(tensor) for tensor in (source, target)]
    for info in infos if not shape else ():
        info.ClearField("tensor_shape")
    made = tf1.saved_model.signature_def_utils.build_signature_def({"x": infos[0]}, {"y": infos[1]}, "m/predict")
    builder = tf1.saved_model.Builder(str(folder))
    with tf1.Session() as session:
        session.run(tf1.global_variables_initializer())
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": made})
        builder.save()


def main(folder: Path) -> None:
    """Write every model."""
    tf1.disable_control_flow_v2()
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 2])
        save(folder / "loop", x, tf1.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * 2.0), [0, x])[1])
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 1])
        save(folder / "no-shape", x, 0.5 * x + 3.0, shape=False)
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 2])
        save(folder / "refuses", x, tf1.debugging.check_numerics(x, "the third measurement is missing"))
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 2])
        with tf.control_dependencies([tf.print("seen", x)]):
            y = x + 1.0
        save(folder / "prints", x, y)
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.string, [None])
        save(folder / "bytes", x, tf1.strings.length(x))
    tf1.disable_resource_variables()
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 2])
        save(folder / "variable", x, x * tf1.get_variable("w", initializer=[2.0, 3.0]))
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, 2])
        save(folder / "counts", x, x + tf1.assign_add(tf1.get_variable("n", initializer=0.0), 1.0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
