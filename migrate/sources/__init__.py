"""Where models come from: a namespace, a container, a folder, an inventory file."""
