"""The journey: plan, steps, runner, journal and undo."""
