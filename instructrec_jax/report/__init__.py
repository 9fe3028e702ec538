"""Results side by side: tables, figures, pages."""
