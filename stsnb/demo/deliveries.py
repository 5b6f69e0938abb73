"""The files in the buckets: a month of invented deliveries from four warehouses, the same at every start."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from typing import NamedTuple

WAREHOUSES = {"Seoul": 5, "Busan": 4, "Incheon": 3, "Daejeon": 2}
"""The warehouse of each city, with its fewest deliveries on a working day."""

CARRIERS = {"Blue Crane": 2_900, "Hangang Parcel": 2_500, "Magpie": 2_200, "Tideline": 1_900}
"""Each carrier, with its price for a parcel without the part for the weight, in won."""


class Delivery(NamedTuple):
    """One parcel, a row of the files.

    ``delay_hours`` is the time by which it was late; negative if it was early.
    """

    date: dt.date
    delivery_id: str
    warehouse: str
    carrier: str
    weight_kg: float
    cost_krw: int
    delay_hours: float


def deliveries(year: int, month: int) -> list[Delivery]:
    """Return the deliveries of one month, in the order in which they left.

    The data have two patterns to find: deliveries are slower on Mondays, when the parcels of the weekend leave, and
    since 2026 the cheapest carrier is late from Busan.
    """
    chance = random.Random(f"{year}-{month}")
    rows: list[Delivery] = []
    day = dt.date(year, month, 1)
    while day.month == month:
        monday, sunday = day.weekday() == 0, day.weekday() == 6
        for warehouse, usual in WAREHOUSES.items():
            for _ in range(0 if sunday else usual + chance.randint(0, 2) + (2 if monday else 0)):
                carrier = chance.choice(list(CARRIERS))
                weight = round(min(chance.lognormvariate(1.1, 0.8), 30.0), 1)
                delay = chance.gauss(0.5, 2.0)
                delay += 3.0 if monday else 0.0
                if (warehouse, carrier) == ("Busan", "Tideline") and year >= 2026:
                    delay += chance.uniform(8.0, 20.0)
                cost = CARRIERS[carrier] + round(430 * weight + chance.uniform(0, 300), -1)
                rows.append(
                    Delivery(
                        date=day,
                        delivery_id=f"{day:%y%m%d}-{len(rows) + 1:04}",
                        warehouse=warehouse,
                        carrier=carrier,
                        weight_kg=weight,
                        cost_krw=int(cost),
                        delay_hours=round(delay, 1),
                    )
                )
        day += dt.timedelta(days=1)
    return rows


def as_csv(rows: list[Delivery]) -> bytes:
    """Return the rows as CSV with a header line, in UTF-8."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(Delivery._fields)
    lines.writerows(rows)
    return text.getvalue().encode()


def as_report(rows: list[Delivery]) -> bytes:
    """Return the number and the cost of each warehouse's parcels as CSV, in UTF-8."""
    lines = ["warehouse,deliveries,cost_krw"]
    for warehouse in WAREHOUSES:
        costs = [row.cost_krw for row in rows if row.warehouse == warehouse]
        lines.append(f"{warehouse},{len(costs)},{sum(costs)}")
    return "\n".join([*lines, ""]).encode()


def as_parquet(rows: list[Delivery]) -> bytes:
    """Return the rows as a Parquet file with dates as timestamps, since pandas has no type for dates."""
    import pyarrow.csv  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    # Through CSV: for Python values pyarrow would import pandas, 1 s of the 3 s of a start.
    types = pyarrow.csv.ConvertOptions(column_types={"date": pyarrow.timestamp("ms")})
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(as_csv(rows)), convert_options=types), file)
    return file.getvalue()


def as_delta_log(name: str, size: int) -> bytes:
    """Return the log that makes a folder with one Parquet file of deliveries a table of Delta Lake.

    It is written by hand, so that the demo does not need deltalake.
    """
    types = {"warehouse": "string", "carrier": "string", "weight_kg": "double", "cost_krw": "long"}
    columns = [
        {"name": column, "type": kind, "nullable": True, "metadata": {}} for column, kind in types.items()
    ]
    actions = (
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {
            "metaData": {
                "id": "7d3f2a52-0c9b-4f5e-9a7e-2f6c1f0d8b11",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": columns}),
                "partitionColumns": [],
                "configuration": {},
                "createdTime": 0,
            }
        },
        {
            "add": {
                "path": name,
                "partitionValues": {},
                "size": size,
                "modificationTime": 0,
                "dataChange": True,
            }
        },
    )
    return "\n".join(json.dumps(action) for action in actions).encode()
