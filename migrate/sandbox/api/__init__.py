"""OVHcloud's API: the gateway and the calls behind it."""
