"""Images that the tool writes itself, without an engine: layers, configuration, manifest, archive."""
