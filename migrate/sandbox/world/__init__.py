"""What the sandbox knows while it runs: apps, people, objects, the sample customer."""
