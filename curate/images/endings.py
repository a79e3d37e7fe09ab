"""How picture file names end. Not for their content: see `opening`."""

#: Those that can be opened, then those of pictures that can't (`unread`): a column of them names pictures all the same.
IMAGE_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm"),
    *(".heic", ".heif", ".avif", ".jp2", ".jxl"),
)
