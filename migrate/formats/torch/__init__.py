"""PyTorch: TorchScript, pickled modules, and the learners of fastai."""
