"""Building a corpus: every video through every stage, in shards that are committed whole."""
