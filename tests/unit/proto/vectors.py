#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of the protocol: (text, bytes, JSON) must be three forms of one message.

    vectors.py FOLDER           compare, with Google's protobuf as the second implementation
    vectors.py FOLDER --write   make the .bin and .json files from the .txtpb files

The first line of NAME.txtpb names the message type. The C side compares the same bytes in test_vectors.c.
"""
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import json_format, text_format


def load_module(proto_folder: pathlib.Path):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"--proto_path={proto_folder}", f"--python_out={folder}", "pavo.proto"], check=True)
        sys.path.insert(0, folder)
        return importlib.import_module("pavo_pb2")


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    write = "--write" in sys.argv[2:]
    pavo = load_module(folder.resolve().parents[3] / "proto")
    failed = passed = 0
    for text_file in sorted(folder.glob("*.txtpb")):
        text = text_file.read_text()
        kind = text.split("\n", 1)[0].removeprefix("# pavo.").strip()
        message = text_format.Parse(text, getattr(pavo, kind)())
        binary = message.SerializeToString(deterministic=True)
        as_json = json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True), indent=1) + "\n"
        bin_file, json_file = text_file.with_suffix(".bin"), text_file.with_suffix(".json")
        if write:
            bin_file.write_bytes(binary)
            json_file.write_text(as_json)
        problems = []
        if bin_file.read_bytes() != binary:
            problems.append("text does not encode to the bytes")
        if json_file.read_text() != as_json:
            problems.append("bytes do not print as the JSON")
        if type(message).FromString(bin_file.read_bytes()) != message:
            problems.append("bytes do not decode to the text")
        if json_format.ParseDict(json.loads(json_file.read_text()), type(message)()) != message:
            problems.append("JSON does not parse to the text")
        print(f"{'not ok' if problems else 'ok'} {text_file.stem}{': ' + '; '.join(problems) if problems else ''}")
        failed += bool(problems)
        passed += not problems
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
