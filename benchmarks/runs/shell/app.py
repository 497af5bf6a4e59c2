"""What a tutorial serves a model with."""

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
app = FastAPI()


class Rows(BaseModel):
    """Rows of features."""

    input: list[list[float]]


@app.get("/health")
def health() -> dict[str, str]:
    """Whether the model is loaded."""
    return {"status": "ok"}


@app.post("/predict")
def predict(rows: Rows) -> dict[str, list]:
    """Rows to outputs."""
    return {"output": session.run(None, {"input": np.array(rows.input, np.float32)})[0].tolist()}
