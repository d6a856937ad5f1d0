"""How a running thing is asked what it does: the one check library of proofs, smoke test and drills."""
