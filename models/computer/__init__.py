"""A computer around a processor, and the images that it starts from."""
