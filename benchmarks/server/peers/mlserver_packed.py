"""MLServer with many models: the class of ``mlserver_app``, its file from the model's own settings."""

import onnxruntime
from mlserver_app import OnnxModel


class PackedModel(OnnxModel):
    """onnxruntime behind the Open Inference Protocol, one of many."""

    async def load(self) -> bool:
        """Load the model that ``parameters.uri`` names."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        uri = self.settings.parameters.uri
        self.session = onnxruntime.InferenceSession(uri, options, providers=["CPUExecutionProvider"])
        return True
