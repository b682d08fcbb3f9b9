"""Methods that tune a private copy of the encoder."""
