"""Playground (to come)."""
