"""What changes are held against: comparisons of two versions, and waivers written for today's differences."""
