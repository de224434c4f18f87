"""`bakeoff new` and `bakeoff check`: plugins to start from, and what every eval, model, decoding strategy, data set and
tokenizer must keep to, held against any of them."""
