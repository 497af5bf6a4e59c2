"""The inference server beside what a customer would pick instead: the same model, one CPU each, one load."""
