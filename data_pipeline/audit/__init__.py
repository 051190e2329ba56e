"""A person looks at a sample of pairs, and the corpus learns how many of its pairs fit, and above which score enough of them do."""
