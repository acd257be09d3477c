"""The benchmark: `python -m bench`, or `python -m bench --quick`. See bench/README.md."""
