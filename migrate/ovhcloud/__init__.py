"""OVHcloud over its API: the session and one file per service."""
