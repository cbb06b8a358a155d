"""The embedded store: lines come in and are safe, rows and an ordered log come out."""
