"""From scores and vectors to an answer: probabilities, familiarity, thresholds, label sets."""
