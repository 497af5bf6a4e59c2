"""A container engine: connected to, built with, its containers and streams."""
