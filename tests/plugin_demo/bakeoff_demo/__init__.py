"""A plugin of bakeoff, installed and swept by its tests."""
