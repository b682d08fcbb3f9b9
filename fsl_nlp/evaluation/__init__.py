"""Methods against labelled data: scores, intervals, reports."""
