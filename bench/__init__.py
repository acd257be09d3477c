"""The benchmark: `python -m bench`, or `python -m bench --quick` in under three minutes. See bench/README.md."""
