"""Word and character error rates with their uncertainty."""
