"""The faces of a Report: JSON, terminal tables, the page and its plots. They show what is there and compute nothing."""
