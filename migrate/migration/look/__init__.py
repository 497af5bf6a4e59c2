"""What the models of a source are, told before anything of them is downloaded."""
