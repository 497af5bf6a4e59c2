"""What the machines that work on one source share: a store with conditional writes, and the lease in it."""
