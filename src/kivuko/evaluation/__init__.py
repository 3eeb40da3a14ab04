"""Runs, qrels, measures, significance and recorded results. Scores a run without torch."""
