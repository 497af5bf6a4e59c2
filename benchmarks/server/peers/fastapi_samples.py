"""What people write by hand for the other engines: FastAPI, a typed body, the engine's own call.

Run as ``uvicorn fastapi_samples:app`` in the Python of the engine; by environment MODEL, SAMPLE, and PEER_PACKAGES,
where FastAPI is.
"""

# ruff: noqa: PLC0415 - each environment has one of the engines

import os
import sys
from pathlib import Path

sys.path.append(os.environ["PEER_PACKAGES"])

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

FILE = os.environ["MODEL"]
app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether the model is loaded."""
    return {"status": "ok"}


def titanic() -> None:
    """A pipeline of scikit-learn as ONNX."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(FILE, options, providers=["CPUExecutionProvider"])

    class Passenger(BaseModel):
        pclass: str
        sex: str
        age: float
        fare: float
        embarked: str

    @app.post("/predict")
    async def predict(body: Passenger) -> dict[str, list]:
        feeds = {
            "pclass": np.array([[body.pclass]], object),
            "sex": np.array([[body.sex]], object),
            "embarked": np.array([[body.embarked]], object),
            "age": np.array([[body.age]], np.float32),
            "fare": np.array([[body.fare]], np.float32),
        }
        label, probability = session.run(["output_label", "output_probability"], feeds)
        return {"output_label": label.tolist(), "output_probability": [list(row.values()) for row in probability]}


def support_tokens() -> None:
    """A tokenizer."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(FILE)

    class Text(BaseModel):
        input1: list[str]

    @app.post("/predict")
    async def predict(body: Text) -> dict[str, list]:
        found = tokenizer.encode(body.input1[0], add_special_tokens=False)
        return {
            "tokens": found.tokens,
            "ids": found.ids,
            "typeIds": found.type_ids,
            "specialTokensMask": found.special_tokens_mask,
            "attentionMask": found.attention_mask,
        }


def wine_tf2() -> None:
    """A SavedModel by its signature."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    loaded = tf.saved_model.load(str(Path(FILE).parent))
    call = loaded.signatures["serving_default"]

    class Rows(BaseModel):
        measurements: list[list[float]]

    @app.post("/predict")
    async def predict(body: Rows) -> dict[str, list]:
        found = call(measurements=tf.constant(body.measurements, tf.float32))
        return {name: [_text(value) for value in tensor.numpy().ravel().tolist()] for name, tensor in found.items()}


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


def species_torchscript() -> None:
    """A scripted module."""
    import torch

    torch.set_num_threads(1)
    module = torch.jit.load(FILE)

    class Rows(BaseModel):
        measurements: list[list[float]]
        temperature: float

    @app.post("/predict")
    async def predict(body: Rows) -> dict[str, list]:
        with torch.no_grad():
            species, probabilities = module(torch.tensor(body.measurements), torch.tensor([body.temperature]))
        return {"species": species.tolist(), "probabilities": probabilities.tolist()}


def species_regression() -> None:
    """A PMML file with pypmml."""
    from pypmml import Model
    from pypmml.base import PMMLContext

    PMMLContext.getOrCreate(gateway="jpype")
    model = Model.load(FILE)

    class Flower(BaseModel):
        sepal_length: float
        sepal_width: float
        petal_length: float
        petal_width: float

    @app.post("/predict")
    async def predict(body: Flower) -> dict[str, float]:
        return {str(name): float(value) for name, value in model.predict(body.model_dump()).items()}


globals()[os.environ["SAMPLE"].replace("-", "_")]()
