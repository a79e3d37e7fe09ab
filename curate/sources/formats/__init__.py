"""The formats of data sets. Module `x` holds the format `x` as `FORMAT`, and is found by its place.

What several formats share is in the folder above.
"""
