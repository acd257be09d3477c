"""How well tables of other people are read: `python -m bench.reading`, ours beside other readers.

Everything that is read is made here, from published descriptions of what such files look like, and from a
seed, so that each run reads the same files. Nothing is downloaded.
"""
