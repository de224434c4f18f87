"""Decoding: from distributions over the next token to text.

strategy.py     what a strategy is: transforms in order, a chooser, a search
transforms.py   pure reshapings of one distribution; penalties.py: those that look back at what was written
choosers.py     one token from a distribution
constraints.py  nothing but what a regular expression or a list of texts allows
search.py       sequences rather than tokens: beams, several samples and a choice among them
speculative.py  a cheap model drafts, the other checks
"""
