"""The proof: sample requests, recordings of reference answers, comparison and replay."""
