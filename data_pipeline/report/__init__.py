"""What a corpus holds, for a person to look at: one page and one file of numbers, made of its tables alone."""
