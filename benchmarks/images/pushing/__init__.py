"""From a model's files to its tag in a registry, three ways side by side."""
