"""The formats of reports, one module each: its row, and how it is written."""
