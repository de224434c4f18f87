"""`bakeoff check`: what an eval, a model or a decoding strategy must keep to, held against any of them."""
