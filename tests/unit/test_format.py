# SPDX-License-Identifier: Apache-2.0
"""Every C file is written as .clang-format has it; the way to mend one is named."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

source = Path(os.environ["PAVO_SOURCE"])
if shutil.which("clang-format") is None:
    print("clang-format is not installed")
    sys.exit(77)
files = [path for folder in ("sensor", "aggregator", "proto", "common", "tests", "docs")
         for ending in ("*.c", "*.h") for path in sorted((source / folder).rglob(ending))]
assert len(files) > 100, f"only {len(files)} files found below {source}"
wrong = [path for path in files
         if subprocess.run(["clang-format", "--style=file", str(path)], capture_output=True, check=True).stdout
         != path.read_bytes()]
for path in wrong:
    print(f"{path.relative_to(source)}: clang-format -i {path.relative_to(source)}")
print(f"{len(files)} files, {len(wrong)} of them formatted otherwise")
sys.exit(1 if wrong else 0)
