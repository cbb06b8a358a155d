"""The classifier: rows come in over HTTP, their scores go back; a pure function of the request."""
