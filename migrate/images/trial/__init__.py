"""Programs run with a model in a container that is cut off: rehearsal, oracle, conversion."""
