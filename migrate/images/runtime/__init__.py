"""What the models of one runtime share: wheels, byte-code, the server, the Dockerfile."""
