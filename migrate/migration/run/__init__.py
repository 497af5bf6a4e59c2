"""What a run holds: options, services, workspace, the engine of steps, permissions."""
