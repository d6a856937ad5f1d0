"""Proofs of the cluster tier."""
