"""How files are read: in place, bounded, without following links; and what their readers report. It knows no format."""
