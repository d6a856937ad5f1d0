"""Records through Kafka: topics, registered schemas, and a broker that may be away."""
