"""Object Storage as OpenStack Swift answers."""
