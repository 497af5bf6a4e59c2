"""What the ONNX runtime's locked onnxruntime loads: the only place that says so.

Measured by loading models with onnxruntime 1.32.0; a test asks the installed onnxruntime the same again, so an upgrade
of the lock that moves a limit is seen.
"""

from typing import Final

ONNXRUNTIME: Final = "1.32.0"
IR_VERSION: Final = 14
OPSETS: Final = {
    "": 28,
    "ai.onnx": 28,
    "ai.onnx.ml": 5,
    "ai.onnx.training": 1,
    "ai.onnx.preview": 1,
    "ai.onnx.preview.training": 1,
    "com.microsoft": 1,
    "com.microsoft.experimental": 1,
    "com.microsoft.nchwc": 1,
}
"""The newest operator set by domain; operators of any other domain are the customer's own code."""
