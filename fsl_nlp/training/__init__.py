"""Tuning a private copy of an encoder: what trains, in which batches, by which steps."""
