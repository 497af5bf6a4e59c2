"""Everything that a run may fail on later, looked at first."""
