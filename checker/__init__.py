"""The questions: classification, theorems, holes, configurations and witnesses."""
