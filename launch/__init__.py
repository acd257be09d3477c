"""The one-machine run: `python -m launch` starts a private Redis, the API and a worker, and stops them."""
