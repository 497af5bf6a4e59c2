"""What each runtime's image costs: to build, to ship, to start."""
