"""SavedModels of TensorFlow 1.15, made with sessions and signatures, as its own sessions answer."""

import numpy as np
import tensorflow as tf
from writing import keep, place

tf.compat.v1.disable_eager_execution()
ROWS = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75]], np.float32)


def save(kind, build, request):
    """A graph of ``build``, a session, a file, and the session's answer to a request."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.set_random_seed(3)
        inputs, outputs = build()
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        folder = place(kind)
        folder.rmdir()  # simple_save wants to make it
        tf.compat.v1.saved_model.simple_save(
            session, str(folder), inputs, outputs, legacy_init_op=tf.compat.v1.tables_initializer()
        )
        found = session.run(outputs, {inputs[name]: value for name, value in request.items()})
    keep(kind, (request, {name: decoded(value) for name, value in found.items()}))


def decoded(value):
    """Texts instead of bytes."""
    return np.char.decode(value.astype("S"), "utf-8") if value.dtype.kind in "OS" else value


def network():
    """Two layers of variables."""
    x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
    hidden = tf.compat.v1.layers.dense(x, 4, tf.nn.relu, name="hidden")
    return {"x": x}, {"scores": tf.nn.softmax(tf.compat.v1.layers.dense(hidden, 2, name="scores"))}


def words():
    """A table in the graph: texts to numbers and back."""
    text = tf.compat.v1.placeholder(tf.string, [None], name="text")
    names = tf.constant(["Lyon", "Paris", "Lille"])
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(names, tf.range(3)), default_value=-1)
    place_of = table.lookup(text)
    return {"text": text}, {"place": place_of, "length": tf.strings.length(text)}


def pictures():
    """A convolution with batch normalization, which is told by a placeholder with a default that it is not trained."""
    x = tf.compat.v1.placeholder(tf.float32, [None, 6, 6, 2], name="picture")
    is_trained = tf.compat.v1.placeholder_with_default(False, [], name="trained")
    planes = tf.compat.v1.layers.conv2d(x, 3, 3, padding="same", name="planes")
    normal = tf.compat.v1.layers.batch_normalization(planes, training=is_trained)
    means = tf.reduce_mean(tf.nn.relu6(normal), [1, 2])
    return {"picture": x}, {"means": means, "best": tf.argmax(means, 1)}


save("network", network, {"x": ROWS})
save("words", words, {"text": ["Paris", "Rennes", "Lille"]})
save("pictures", pictures, {"picture": np.random.RandomState(2).normal(size=(2, 6, 6, 2)).astype(np.float32)})
