"""The proof: samples, recording, replay and comparison."""
