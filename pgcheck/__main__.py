"""`python -m pgcheck`."""

from pgcheck.cli import main

if __name__ == "__main__":
    main()
