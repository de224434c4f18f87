"""Decoding: from a distribution over the next token to one token.

transform.py    what a transform and a chooser are, and both at work
transforms.py   pure reshapings of one distribution
penalties.py    transforms that look back at what was read and written
constraints.py  a transform: nothing but what a regular expression or a list of texts allows
choosers.py     one token from a distribution
"""
