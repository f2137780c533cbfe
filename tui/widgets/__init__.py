"""The console's widgets: lines with tones, drawn by the line API."""
