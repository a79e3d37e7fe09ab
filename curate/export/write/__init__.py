"""Writes what an export holds: shards and pictures, whole or not at all. Decides nothing."""
