#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens the aggregator's day files, read-only and after it has ended, and asserts what must hold in them.

  store.py LIBDUCKDB DATA-FOLDER        prints one JSON object with the sums, or exits 1 with what does not hold

  - a batch name (sensor, epoch, sequence) is there once                              (invariant 3)
  - a record (sensor, epoch, flow, report) is there once
  - every batch has as many records as its entry says, and no record is without one
  - two links never claim one view at one boundary                                    (invariant 8)
"""

import ctypes
import glob
import json
import sys


class Result(ctypes.Structure):
    """duckdb_result: the library's own, opaque but for its size."""

    _fields_ = [("columns", ctypes.c_uint64), ("rows", ctypes.c_uint64), ("changed", ctypes.c_uint64),
                ("column_data", ctypes.c_void_p), ("error", ctypes.c_char_p), ("internal", ctypes.c_void_p)]


class Database:
    def __init__(self, library, files):
        self.lib = ctypes.CDLL(library)
        for name in ("duckdb_row_count", "duckdb_column_count"):
            getattr(self.lib, name).restype = ctypes.c_uint64
        self.lib.duckdb_value_varchar.restype = ctypes.c_void_p
        self.lib.duckdb_value_varchar.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        self.lib.duckdb_result_error.restype = ctypes.c_char_p
        self.lib.duckdb_free.argtypes = [ctypes.c_void_p]
        self.database, self.connection = ctypes.c_void_p(), ctypes.c_void_p()
        assert self.lib.duckdb_open(None, ctypes.byref(self.database)) == 0
        assert self.lib.duckdb_connect(self.database, ctypes.byref(self.connection)) == 0
        for number, file in enumerate(files):
            self.query(f"ATTACH '{file}' AS day{number} (READ_ONLY)")
        for table in ("observer", "batch", "flow", "link"):
            parts = " UNION ALL BY NAME ".join(f"SELECT {n} AS day, * FROM day{n}.{table}" for n in range(len(files)))
            self.query(f"CREATE VIEW {table} AS {parts}")

    def query(self, sql):
        """Rows as lists of text."""
        result = Result()
        status = self.lib.duckdb_query(self.connection, sql.encode(), ctypes.byref(result))
        try:
            if status != 0:
                raise RuntimeError(f"{self.lib.duckdb_result_error(ctypes.byref(result)).decode()}: {sql}")
            columns = self.lib.duckdb_column_count(ctypes.byref(result))
            rows = self.lib.duckdb_row_count(ctypes.byref(result))
            return [[self.text(result, column, row) for column in range(columns)] for row in range(rows)]
        finally:
            self.lib.duckdb_destroy_result(ctypes.byref(result))

    def text(self, result, column, row):
        value = self.lib.duckdb_value_varchar(ctypes.byref(result), column, row)
        if not value:
            return None
        try:
            return ctypes.string_at(value).decode()
        finally:
            self.lib.duckdb_free(value)


MUST_BE_EMPTY = {
    "a batch name is there more than once":
        "SELECT sensor, epoch, sequence, count(*) FROM batch JOIN observer ON batch.day = observer.day AND"
        " batch.observer = observer.id GROUP BY ALL HAVING count(*) > 1",
    "a record is there more than once":
        "SELECT sensor, epoch, flow, report, count(*) FROM flow JOIN observer ON flow.day = observer.day AND"
        " flow.observer = observer.id GROUP BY ALL HAVING count(*) > 1",
    "a batch does not have the records and packets its entry says":
        "SELECT day, position, any_value(records), any_value(packets), count(flow), sum(src_packets + dst_packets)"
        " FROM batch LEFT JOIN flow USING (day, position, observer) GROUP BY day, position, observer"
        " HAVING any_value(records) <> count(flow) OR any_value(packets) <> coalesce(sum(src_packets + dst_packets), 0)",
    "a record belongs to no batch":
        "SELECT flow.day, flow.position FROM flow ANTI JOIN batch USING (day, position, observer)",
    "a view is claimed by two links of one boundary":
        "SELECT boundary, sensor, epoch, flow, count(*) FROM ("
        " SELECT day, boundary, inside_observer AS id, inside_flow AS flow FROM link UNION ALL"
        " SELECT day, boundary, outside_observer, outside_flow FROM link) JOIN observer USING (day, id)"
        " GROUP BY ALL HAVING count(*) > 1",
}


def main():
    library, folder = sys.argv[1:]
    files = sorted(glob.glob(f"{folder}/flows-*.duckdb"))
    if not files:
        sys.exit(f"no day file in {folder}")
    database = Database(library, files)
    bad = 0
    for what, sql in MUST_BE_EMPTY.items():
        rows = database.query(sql)
        if rows:
            bad = 1
            print(f"{what}: {len(rows)} times, as {rows[:5]}")
    sums = {row[0]: {"batches": int(row[1]), "records": int(row[2]), "packets": int(row[3])} for row in database.query(
        "SELECT sensor, count(*), sum(records), sum(packets) FROM batch JOIN observer ON batch.day = observer.day AND"
        " batch.observer = observer.id GROUP BY sensor")}
    links = int(database.query("SELECT count(*) FROM link")[0][0])
    print(json.dumps({"sensors": sums, "links": links, "files": len(files)}))
    return bad


if __name__ == "__main__":
    sys.exit(main())
