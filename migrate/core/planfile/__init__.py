"""The plan file: what people review, commit and apply (docs/plan.md)."""
