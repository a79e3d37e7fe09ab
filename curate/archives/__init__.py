"""Archives and pickles that hold pictures or whole data sets: reads their contents safely. Decodes no picture.

A zip file is read in place. Tar files and pickles can't be read in any order, so their contents are copied once into a
zip file in the cache folder (`cache`). Nothing in an archive decides where anything is written.
"""
