"""Bodies of requests into tensors: one module for each kind of body."""
