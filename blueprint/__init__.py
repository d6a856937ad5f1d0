"""What must be true: clauses, rules and the judgement. Pure: no process, socket, clock or pytest."""
