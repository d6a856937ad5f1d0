"""Proofs of the drill tier."""
