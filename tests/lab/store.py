#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens the aggregator's day files, read-only and after it has ended, and asserts what must hold in them.

  store.py LIBDUCKDB DATA-FOLDER        prints one JSON object with the sums, or exits 1 with what does not hold

  - a batch name (sensor, epoch, sequence) is there once                              (invariant 3)
  - a record (sensor, epoch, flow, report) is there once
  - every batch has as many records as its entry says, and no record of any kind is without one
  - two verdicts never link one view at one boundary, but for those that a later one replaced, and the weights of a
    verdict's terms add up to its odds                                                (invariant 8)
"""

import ctypes
import glob
import json
import sys


KINDS = ("flow", "verdict", "binding", "loss", "status", "alert")
LINKED = "verdict IN (1, 2, 5)"  # translated, forwarded, proxied: verdict_table.h


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
        for table in ("observer", "batch", *KINDS):
            parts = " UNION ALL BY NAME ".join(f"SELECT {n} AS day, * FROM day{n}.{table}" for n in range(len(files)))
            self.query(f"CREATE VIEW {table} AS {parts}")
        self.query("CREATE VIEW named AS SELECT v.*, o.sensor, o.epoch, p.sensor AS partner_sensor,"
                   " p.epoch AS partner_epoch FROM verdict v JOIN observer o ON v.day = o.day AND v.observer = o.id"
                   " JOIN observer p ON v.day = p.day AND v.partner_observer = p.id")
        self.query(f"CREATE VIEW link AS SELECT * FROM named ANTI JOIN (SELECT supersedes AS position, boundary, sensor,"
                   f" epoch, flow FROM named WHERE supersedes <> 0) USING (position, boundary, sensor, epoch, flow)"
                   f" WHERE {LINKED}")

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
        " batch.observer = observer.id WHERE sensor <> '' GROUP BY ALL HAVING count(*) > 1",
    "a record is there more than once":
        "SELECT sensor, epoch, flow, report, count(*) FROM flow JOIN observer ON flow.day = observer.day AND"
        " flow.observer = observer.id GROUP BY ALL HAVING count(*) > 1",
    "a batch does not have the records and packets its entry says":
        "SELECT day, position, any_value(records), any_value(packets), count(packets_of), sum(packets_of) FROM batch LEFT JOIN"
        " (SELECT day, position, src_packets + dst_packets AS packets_of FROM flow UNION ALL "
        + " UNION ALL ".join(f"SELECT day, position, 0 FROM {kind}" for kind in ("verdict", "binding", "alert")) +
        ") USING (day, position) GROUP BY day, position"
        " HAVING any_value(records) <> count(packets_of) OR any_value(packets) <> coalesce(sum(packets_of), 0)",
    "a record belongs to no batch":
        " UNION ALL ".join(f"SELECT '{kind}', day, position FROM {kind} ANTI JOIN batch USING (day, position)"
                           for kind in KINDS),
    "a view is claimed by two links of one boundary":
        "SELECT boundary, sensor, epoch, flow, count(*) FROM (SELECT boundary, sensor, epoch, flow FROM link UNION ALL"
        " SELECT boundary, partner_sensor, partner_epoch, partner_flow FROM link) GROUP BY ALL HAVING count(*) > 1",
    "a verdict's odds are not the sum of its terms' weights":
        f"SELECT boundary, sensor, epoch, flow, odds, list_sum(term_weight) FROM named WHERE {LINKED}"
        " AND odds <> coalesce(list_sum(term_weight), 0)",
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
        " batch.observer = observer.id WHERE sensor <> '' GROUP BY sensor")}
    links = int(database.query("SELECT count(*) FROM link")[0][0])
    print(json.dumps({"sensors": sums, "links": links, "files": len(files)}))
    return bad


if __name__ == "__main__":
    sys.exit(main())
