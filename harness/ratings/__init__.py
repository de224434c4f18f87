"""Ratings: which of two replies to a prompt is better, by people or by programs, kept in banks.

rating: what a rating is. bank: where ratings are kept. source: where the ratings of a run come from (`ratings=`), with
simulated, banked and chitchat. gold: the utility that simulated raters go by. agreement: what a bank says of its raters
and writers. asking: a person rates in a terminal.
"""
