"""Programs that turn a model into ONNX; each runs in a container of the model's runtime, and nothing here imports one.

A program is told one line of JSON (:class:`migrate.images.trial.conversion.Asked`): the folder of the model's files,
its ``model.json``, and where the ONNX file goes. It answers one line: ``{}``, or ``{"error": text}``.
"""
