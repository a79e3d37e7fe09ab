"""CAN: spellings that the canonical form replaces, and labels without a canonical form."""
