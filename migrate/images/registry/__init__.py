"""Registries: credentials, pushes, and what a registry then has."""
