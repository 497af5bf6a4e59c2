"""What one model adds: its build context, its export, its server without an engine."""
