"""Preference models: they score replies so that ratings become likely, as Bradley and Terry (1952): a is better than b
with the probability sigma(score(a) - score(b)).

preference: what one is, as an option of `preference=`. ngram_logistic, log_ratio, head: the three. fitting: one is
found, or fitted to a bank and measured. quality: how well ratings are predicted.
"""
