"""`bakeoff new` and `bakeoff check`: templates for evals, models, decoding strategies, data sets and tokenizers, and
tests of their contracts."""
