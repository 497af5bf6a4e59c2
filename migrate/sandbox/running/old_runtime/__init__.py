"""The old inference runtime's HTTP contract for ONNX models and JSON, written a second time.

It answers at the sandbox's old endpoints, so that a live comparison has two sides that share no code: nothing here
imports anything of ``migrate``, and nothing imports it. It runs in an environment of its own, with numpy and
ONNX Runtime only.
"""
