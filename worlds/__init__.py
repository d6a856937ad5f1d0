"""How the subject is stood up and looked at: context managers, no pytest."""
