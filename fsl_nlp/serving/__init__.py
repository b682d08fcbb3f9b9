"""Bots behind HTTP: answers, edits, the log of questions, and a page. Nothing here learns."""
