"""The base image of every runtime."""
