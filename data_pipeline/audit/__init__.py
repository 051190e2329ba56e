"""A person looks at a sample of pairs, and the corpus learns how many fit, and above which score enough of them do."""
