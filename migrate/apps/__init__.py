"""What an image becomes in the cloud: resources, scaling, labels, tokens, watching."""
