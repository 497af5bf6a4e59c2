"""BentoML with one worker. Run as ``bentoml serve bentoml_app:Rows`` or ``:Images``; MODEL by environment."""

import os
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.validators import DType
from PIL import Image

Tensor = Annotated[np.ndarray, DType("float32")]
SETTINGS = {"workers": 1, "logging": {"access": {"enabled": False}}, "traffic": {"timeout": 60}}


class Model:
    """The engine with the model loaded."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

    def __call__(self, tensor: np.ndarray) -> dict:
        """Run the model."""
        return {"output": self.session.run(["output"], {"input": tensor})[0].tolist()}


@bentoml.service(**SETTINGS)
class Rows:
    """Rows of features."""

    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    async def predict(self, input: Tensor) -> dict:  # noqa: A002 - the tensor's name
        """Rows to probabilities."""
        return self.model(input)


@bentoml.service(**SETTINGS)
class Images:
    """Images, as nested lists and as files."""

    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    async def predict(self, input: Tensor) -> dict:  # noqa: A002 - the tensor's name
        """An image by channel, row and column."""
        return self.model(input)

    @bentoml.api
    async def predict_png(self, picture: Image.Image) -> dict:
        """An image as a file of a form."""
        pixels = np.asarray(picture.convert("RGB"))
        return self.model(pixels.astype(np.float32).transpose(2, 0, 1)[np.newaxis])
