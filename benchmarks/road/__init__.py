"""One large model on its way from object storage to a registry without a container engine: cut, measured, compared."""
