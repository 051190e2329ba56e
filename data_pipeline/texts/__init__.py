"""Texts as people and engines write them, made ready to be learnt from."""
