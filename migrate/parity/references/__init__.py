"""Scripts that compute the reference answers with the engine alone, one per runtime; never imported, only run."""
