"""The journey of models: their order, its plan, its outcomes and its result."""
