"""Decoding: from a distribution over the next token to one token.

transform.py    what a transform and a chooser are, and how they work together
transforms.py   pure reshapings of one distribution
penalties.py    transforms that look back at what was read and written
constraints.py  a transform that allows only texts of a list, or that match a regular expression
choosers.py     one token from a distribution
"""
