"""The formats that `curate export` writes, one per module. They are found by their place; no list names them.

docs/contributing/export-format.md says how to add one.
"""
