"""What people write by hand: FastAPI, a typed body, onnxruntime. Run as ``uvicorn fastapi_app:app``."""

import io
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from PIL import Image
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


class Rows(BaseModel):
    """Rows of features."""

    input: list[list[float]]


class Images(BaseModel):
    """Images by channel, row and column."""

    input: list[list[list[list[float]]]]


def answer(tensor: np.ndarray) -> dict[str, list]:
    """The model's output as JSON has it."""
    return {"output": session.run(["output"], {"input": tensor})[0].tolist()}


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether the model is loaded."""
    return {"status": "ok"}


# A plain `def` would run in a thread pool, which takes about half of the throughput of so quick a model.
@app.post("/predict")
async def predict(body: Rows) -> dict[str, list]:
    """Rows to probabilities."""
    return answer(np.array(body.input, np.float32))


@app.post("/predict-image")
async def predict_image(body: Images) -> dict[str, list]:
    """An image as nested lists."""
    return answer(np.array(body.input, np.float32))


@app.post("/predict-png")
async def predict_png(request: Request) -> dict[str, list]:
    """An image as a file."""
    pixels = np.asarray(Image.open(io.BytesIO(await request.body())))
    return answer(pixels.astype(np.float32).transpose(2, 0, 1)[np.newaxis])
