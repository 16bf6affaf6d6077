"""From raw samples to figures, comparisons, tables and reports."""
