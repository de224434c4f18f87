"""Searches: how whole sequences are written. The plain one, a token at a time, is in harness/completion/engine.py.

beam.py         several sequences side by side, the best by likelihood
best_of.py      several samples, and a choice among them
contrastive.py  tokens that are probable and unlike what came before
speculative.py  a cheap model drafts, the other checks
"""
