"""Corpus to checkpoint."""
