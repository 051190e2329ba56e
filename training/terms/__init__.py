"""Losses that need more than the similarities of a batch: significant words, predictors of importance, a queue of keys."""

from training.terms.building import build_terms
from training.terms.local_words import LocalWordsTerm
from training.terms.partial_order import PartialOrderTerm
from training.terms.queue import QueueTerm
from training.terms.term import Pairs, Term

__all__ = ["LocalWordsTerm", "Pairs", "PartialOrderTerm", "QueueTerm", "Term", "build_terms"]
