"""What must be true of a specification before its verdicts mean anything."""
