"""PURE: who belongs to whom. Identity, the table of outcomes, histories; rows and events in, rows and changes out."""
