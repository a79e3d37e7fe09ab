"""Describes an export: card, manifest, figures, tables. Also sends it to the hub."""
