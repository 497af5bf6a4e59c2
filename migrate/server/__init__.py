"""The inference server that travels in the image: the old runtime's HTTP contract, and what people expect today."""
