"""One module per package source that images and tools are fetched from."""
