"""Values, errors, events, names and the Secret type; no I/O; below everything."""
