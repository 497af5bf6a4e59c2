"""TensorFlow: SavedModels and their operators."""
