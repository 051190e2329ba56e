"""What each training method is worth on the miniature world: rows of recipes, several seeds, paired tests.

    python -m benchmarks.methods --help
"""
