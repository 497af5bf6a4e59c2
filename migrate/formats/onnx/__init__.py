"""ONNX: structure, weights, and what the server needs to know."""
