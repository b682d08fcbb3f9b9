"""Several methods that answer as one, and the choice among methods."""
