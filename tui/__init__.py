"""The operator's console: shows and asks."""
