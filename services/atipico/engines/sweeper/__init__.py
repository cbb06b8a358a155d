"""Jobs on an InfluxDB: what has no outcome gets one, whatever was killed or hung on the way."""
