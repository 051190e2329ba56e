"""The page of a report: HTML of numbers and samples that are given, one file, no script, nothing from elsewhere."""
