"""One small file a system: how it enqueues, works and hands over results, at its fastest sensible settings.

Each is run as `python -m bench.peers.<name>` with the Python of its own environment; `bench/peer.py` says
what it is asked. Versions are pinned in `<name>.txt`, those of Node in `package.json`.
"""
