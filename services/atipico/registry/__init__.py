"""What is kept by name: models and jobs."""
