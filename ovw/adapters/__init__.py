"""Our artifacts inside other projects' pipelines."""
