"""The files in the buckets: the same at every start, with a pattern to find in them."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pandas as pd

from stsnb import demo
from stsnb.demo import EmbeddedAWS
from stsnb.demo.deliveries import WAREHOUSES, as_csv, as_delta_log, as_parquet, as_report, deliveries
from tests.demo.calls import assume


class TestTheFiles:
    def test_are_the_same_at_every_start(self) -> None:
        assert as_csv(deliveries(2026, 10)) == as_csv(deliveries(2026, 10))
        assert 300 < len(deliveries(2026, 10)) < 1000

    def test_csv_and_parquet_hold_the_same_deliveries(self, aws: EmbeddedAWS, tmp_path: Path) -> None:
        s3 = assume(demo.ROLE_ARN).client("s3")
        for key in (demo.CSV_KEY, demo.PARQUET_KEY):
            s3.download_file(demo.BUCKET, key, str(tmp_path / Path(key).name))

        parquet = pd.read_parquet(tmp_path / "2026-10.parquet")
        csv = pd.read_csv(tmp_path / "2026-10.csv", parse_dates=["date"])
        pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)
        assert pd.api.types.is_datetime64_any_dtype(parquet["date"])

    def test_there_is_something_to_find_in_them(self) -> None:
        late = {
            year: pd.DataFrame(deliveries(year, 10)).groupby(["warehouse", "carrier"])["delay_hours"].mean()
            for year in (2025, 2026)
        }

        assert late[2026].idxmax() == ("Busan", "Tideline")
        assert late[2026].max() > 5 * late[2025].max()

    def test_the_report_counts_each_warehouses_deliveries_and_adds_up_their_costs(self) -> None:
        month = deliveries(2026, 10)

        rows = pd.read_csv(BytesIO(as_report(month))).set_index("warehouse")

        expected = pd.DataFrame(month).groupby("warehouse")["cost_krw"].agg(["count", "sum"])
        assert list(rows.index) == list(WAREHOUSES)
        assert rows["deliveries"].to_dict() == expected["count"].to_dict()
        assert rows["cost_krw"].to_dict() == expected["sum"].to_dict()

    def test_the_delta_log_names_one_file_and_columns_that_the_file_has(self) -> None:
        month = deliveries(2026, 10)

        protocol, metadata, add = map(json.loads, as_delta_log("2026-10.parquet", 123).splitlines())

        assert protocol["protocol"]["minReaderVersion"] == 1
        assert (add["add"]["path"], add["add"]["size"]) == ("2026-10.parquet", 123)
        columns = json.loads(metadata["metaData"]["schemaString"])["fields"]
        stored = pd.read_parquet(BytesIO(as_parquet(month)))
        assert {column["name"] for column in columns} <= set(stored.columns)
