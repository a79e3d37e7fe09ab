"""The formats of data sets: a module `x` here holds the format `x` as `FORMAT`, and is found by its place.

What several formats share stands in the folder above.
"""
