"""What an example can be: a text, a pair, a text with marked mentions, a text with candidates."""
