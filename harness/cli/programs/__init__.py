"""Language models as short programs that need only numpy: what `bakeoff export` puts together.

A program is one part of families/, one of tokenizers/, and completing.py. A part imports numpy, the standard library
and other parts, and nothing else of ours; `harness/cli/exporting.py` joins them into one file.
"""
