"""Learning from unlabelled texts, around any method that gives vectors and probabilities."""
