"""Writes the shards and pictures of an export, whole or not at all. Decides nothing."""
