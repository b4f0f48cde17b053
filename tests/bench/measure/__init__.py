"""Measures tasks in turns, and reports them beside each other."""
