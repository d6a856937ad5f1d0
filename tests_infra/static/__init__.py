"""Proofs of the static tier."""
