"""Explains a completion: each step's candidates, their probabilities after every transform, and the token picked."""
