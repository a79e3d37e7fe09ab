"""The formats that `curate export` writes, a module each. They are found by their place; nothing lists them.

docs/contributing/export-format.md says how to add one.
"""
