"""The reference workload: five small services that make the deployment worth probing."""
