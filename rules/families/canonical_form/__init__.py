"""CAN: spellings that the canonical form replaces, and labels that have no canonical form."""
