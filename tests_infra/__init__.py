"""The proof: one module per chapter in each tier."""
