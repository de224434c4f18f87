"""Searches: how whole sequences come about. The plain one, a token at a time, is in harness/completion/engine.py.

beam.py         several sequences side by side, the best by likelihood
best_of.py      several drawn, and a choice among them
contrastive.py  tokens that are probable and say something new
speculative.py  a cheap model drafts, the other checks
"""
