"""tf_keras, called directly, layer by layer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .on_tensorflow import cast, texts, tf  # first: it makes TensorFlow's settings
from .rules import Loaded, Request, answered, feed


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A model in HDF5, of one input and one output."""
    import tf_keras  # noqa: PLC0415 - after TensorFlow's settings

    model: Any = tf_keras.models.load_model(str(root / settings["entry"]), compile=False)
    (source,), (target,) = settings["inputs"], settings["outputs"]

    def answer(request: Request) -> dict[str, Any]:
        data = cast(feed(settings, request)[source["name"]], model.inputs[0].dtype)
        return answered([target], {target["name"]: texts(model(tf.constant(data), training=False).numpy())})

    return Loaded(answer)
