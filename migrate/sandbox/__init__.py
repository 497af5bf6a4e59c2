"""A whole OVHcloud on this machine; imports nothing else of migrate but the API contract."""
