"""Pure functions, each named after an offence: a document or an observation in, Findings out."""
