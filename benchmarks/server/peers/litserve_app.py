"""LitServe with one worker on the CPU. Run as ``litserve_app.py PORT``; MODEL by environment."""

import os
import sys

import litserve
import numpy as np
import onnxruntime
from fastapi import Request
from PIL import Image


class Api(litserve.LitAPI):
    """Decode, predict, encode."""

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        del device
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: Request) -> np.ndarray:
        """JSON's nested lists, or the file of a form."""
        if "picture" in request:
            pixels = np.asarray(Image.open(request["picture"].file))
            return pixels.astype(np.float32).transpose(2, 0, 1)[np.newaxis]
        return np.array(request["input"], np.float32)

    def predict(self, tensor: np.ndarray) -> np.ndarray:
        """Run the model."""
        return self.session.run(["output"], {"input": tensor})[0]

    def encode_response(self, output: np.ndarray) -> dict:
        """The output as JSON has it."""
        return {"output": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
