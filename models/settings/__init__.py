"""The options of every family, a file each. They need no torch, so a wrong value is told before that is imported. A
family's models are in the file of the same name in models/."""
