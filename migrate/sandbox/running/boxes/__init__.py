"""Apps without a container engine: images pulled, unpacked, and run in boxes of the kernel's name spaces."""
