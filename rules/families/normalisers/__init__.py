"""NRM: damage done by the normalisers of other tools."""
