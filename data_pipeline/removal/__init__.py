"""Taking videos out of a corpus for good: its lists, its measurements, its tables, and every export made of it."""
