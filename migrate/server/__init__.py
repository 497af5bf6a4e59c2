"""The inference server that travels inside the image; imports nothing else of migrate."""
