"""Edits of labels, and the proofs that an edit is safe. Proposes no edits: rules do."""
