"""Ratings: which of two replies to a prompt is better, by people or by programs, kept in banks.

rating: what a rating is. bank: where ratings are kept. source: where the ratings of a run come from (`ratings=`), and
the choice of a bank; simulated and chitchat: the other choices. gold: the utility that simulated raters go by. halves:
which conversations are rated, and which of these are held out. agreement: what a bank says of its raters and writers.
asking: a person rates in a terminal.
"""
