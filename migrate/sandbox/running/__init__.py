"""What really runs: the registry, the containers of apps, the old endpoints."""
