"""Exports of chatbot platforms and annotation tools: one module a family, one line in FORMATS."""
