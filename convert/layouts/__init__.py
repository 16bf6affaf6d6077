"""Artifact layouts, one module each: which files a consumer wants, and how they are named."""
