"""`bakeoff new` and `bakeoff check`: templates for evals, models and decoding strategies, and tests of their
contracts."""
