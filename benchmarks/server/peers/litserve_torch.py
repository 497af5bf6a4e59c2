"""LitServe with one worker and a scripted module. Run as ``litserve_torch.py PORT`` in the Python of PyTorch.

By environment MODEL, and PEER_PACKAGES, where LitServe is.
"""

import os
import sys

sys.path.append(os.environ["PEER_PACKAGES"])

import litserve
import torch


class Api(litserve.LitAPI):
    """Decode, predict, encode."""

    def setup(self, device: str) -> None:
        """Load the module in the worker."""
        del device
        torch.set_num_threads(1)
        self.module = torch.jit.load(os.environ["MODEL"])

    def decode_request(self, request: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """The two arguments."""
        return torch.tensor(request["measurements"]), torch.tensor([request["temperature"]])

    def predict(self, arguments: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the module."""
        with torch.no_grad():
            return self.module(*arguments)

    def encode_response(self, output: tuple[torch.Tensor, torch.Tensor]) -> dict:
        """The outputs as JSON has them."""
        return {"species": output[0].tolist(), "probabilities": output[1].tolist()}


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
