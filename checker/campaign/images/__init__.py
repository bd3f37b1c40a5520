"""Boot images: a witness as a program that runs on its own."""
