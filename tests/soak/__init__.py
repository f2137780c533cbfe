"""Half an hour of work and faults: whatever a daemon holds must not grow."""
