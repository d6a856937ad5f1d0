"""What the machine needs: programs, waiting, ownership, engine, tools, images. Knows nothing of clauses."""
