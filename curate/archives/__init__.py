"""Archives and pickles that hold pictures or whole data sets: what is in them, read safely. Decodes no picture.

A zip file is read where it lies. A tar file and a pickle can't be read in any order, so what they hold is copied once
into a zip file in the cache folder (`cache`). Nothing in an archive decides where anything is written.
"""
