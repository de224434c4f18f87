"""Decoding: from distributions over the next token to text.

transform.py    what a strategy is: transforms in order, a chooser, a search
transforms.py   pure reshapings of one distribution
penalties.py    transforms that look back at what was read and written
constraints.py  a transform: nothing but what a regular expression or a list of texts allows
choosers.py     one token from a distribution
"""
