"""What campaigns claim, each about whole runs."""
