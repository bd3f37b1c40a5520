"""From answers to verdicts: rows judged, theorems read off them, results kept and compared."""
