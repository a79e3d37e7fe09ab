"""NRM: damage that normalisers of other tools leave."""
