"""What exists by name: models, data sets, metrics, processors."""
