"""How a run is told: from verdicts.json and evidence.jsonl alone."""
