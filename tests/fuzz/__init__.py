"""Fuzzing: mutated input of every kind, and what must hold whatever it is (DESIGN.md, I9)."""
