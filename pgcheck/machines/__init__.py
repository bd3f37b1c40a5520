"""Commands about machines that run: images, guests, campaigns, proofs of the monitor."""
