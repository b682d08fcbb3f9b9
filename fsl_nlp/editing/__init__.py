"""Versions of a fitted classifier: add, remove, rename, merge, undo; what to label next."""
