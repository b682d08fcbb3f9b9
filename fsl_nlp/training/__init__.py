"""Tune a private copy of an encoder: parameters, batches, losses, training loop, checkpoints."""
