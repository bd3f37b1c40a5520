"""The kinds of monitor, one a file: each carries its row."""
