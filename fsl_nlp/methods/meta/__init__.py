"""Methods that learn from source classes how to learn."""
