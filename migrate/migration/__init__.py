"""The journey: plan, steps, runner, journal, undo. The one place where the rooms meet, through values."""
