"""Jobs on the real servers: InfluxDB keeps, Kapacitor streams, our agent scores."""
