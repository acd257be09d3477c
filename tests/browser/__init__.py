"""The page in a browser.

A package, so that fixtures of package scope end with its last test: as long as playwright's event loop is
there, no test of asyncio can run.
"""
