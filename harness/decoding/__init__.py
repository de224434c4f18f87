"""Decoding: from distributions over the next token to text.

strategy.py     what a strategy is: transforms in order, a chooser, a search
transforms.py   pure reshapings of one distribution
penalties.py    transforms that look back at what was read and written
constraints.py  a transform: nothing but what a regular expression or a list of texts allows
choosers.py     one token from a distribution

Searches are about sequences rather than tokens:
beam.py         several side by side, the best by likelihood
samples.py      several drawn, and a choice among them
contrastive.py  what is probable and says something new
speculative.py  a cheap model drafts, the other checks
"""
