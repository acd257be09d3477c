"""File work: one module a kind. A new kind is one new file here with one decorated function."""
