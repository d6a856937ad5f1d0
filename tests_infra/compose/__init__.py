"""Proofs of the compose tier."""
