"""What is measured on this machine."""
