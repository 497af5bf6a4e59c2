"""Keras: HDF5 files and the configuration in them."""
