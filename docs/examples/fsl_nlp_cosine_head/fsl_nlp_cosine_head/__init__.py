"""A head and a small corpus for fsl_nlp."""
