"""OVHcloud over its API: the session (signing, retries, rate), one file per service, typed records."""
