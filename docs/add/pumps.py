"""Makes pumps.csv: three pumps, a row a minute each; pump-2 runs dry for 12 minutes towards the end.

.venv/bin/python docs/add/pumps.py > docs/add/pumps.csv
"""

import random
from datetime import datetime, timedelta

MINUTES, DRY = 400, range(340, 352)
START = datetime(2026, 1, 5, 6)
random.seed(5)

print("reading_id,measured_at,pump,flowLitres,pressureBar,motorCelsius,fault")
for minute in range(MINUTES):
    for number in (1, 2, 3):
        dry = number == 2 and minute in DRY
        flow = random.gauss(80 + 5 * number, 1.2) * (0.2 if dry else 1)
        pressure = random.gauss(4.1, 0.05) * (0.5 if dry else 1)
        heat = random.gauss(52 + number, 0.4) + (2.5 * (minute - DRY.start + 1) if dry else 0)
        reading = 3 * minute + number - 1
        when = START + timedelta(minutes=minute, seconds=number)
        print(f"{reading},{when},pump-{number},{flow:.1f},{pressure:.2f},{heat:.1f},{int(dry)}")
