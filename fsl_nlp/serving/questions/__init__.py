"""The log of questions: what users asked, what was answered, and what they say of it."""
