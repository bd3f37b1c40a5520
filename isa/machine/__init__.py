"""A specification as one frozen value: its parts, how they are built from the files, and digests of what they mean."""
