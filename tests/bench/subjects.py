# SPDX-License-Identifier: Apache-2.0
"""Who is measured on capture files: how each is called, and what each says it counted.

A subject is `command(capture, scratch)` and `counted(output, scratch)`, which gives what the program itself reports:
{"packets": N, "records": N}, as far as it reports them. Results go to the scratch folder (memory) or to nobody.
"""

import json
import os
import re
import shutil
import subprocess

# Where a peer has to be told to keep flows whole, it is: softflowd otherwise tracks 8,192 and cuts the others short.
SOFTFLOWD_FLOWS = 4_000_000


class Subject:
    whole = True  # makes one flow of one connection, whatever their number
    debian = False
    environment = None

    def __init__(self, name, program=None):
        self.name = name
        self.program = program or name

    def available(self):
        return shutil.which(self.program) is not None


class PcapLoop(Subject):
    def command(self, capture, scratch):
        return [self.program, capture]

    def counted(self, output, scratch):
        return {"packets": json.loads(output)["packets"]}


class PavoSensor(Subject):
    def command(self, capture, scratch):
        return [self.program, "-r", capture, "--dry-run", "--json"]

    def counted(self, output, scratch):
        return pavo_totals(output)


class Argus(Subject):
    debian = True

    def command(self, capture, scratch):
        return [self.program, "-X", "-F", os.devnull, "-r", capture, "-w", os.devnull]

    def counted(self, output, scratch):
        """Says nothing itself: once more, into a file that its own client counts."""
        return None

    def recount(self, capture, scratch):
        records = os.path.join(scratch, "argus.out")
        command = self.command(capture, scratch)
        subprocess.run([*command[:-1], records], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        counts = racount(records)
        os.unlink(records)
        return counts


class Nfpcapd(Subject):
    debian = True

    def folder(self, scratch):
        return os.path.join(scratch, "nfpcapd")

    def command(self, capture, scratch):
        shutil.rmtree(self.folder(scratch), ignore_errors=True)
        os.mkdir(self.folder(scratch))
        return [self.program, "-r", capture, "-w", self.folder(scratch)]

    def counted(self, output, scratch):
        flows = [int(n) for n in re.findall(r"^Ident: .* Flows: (\d+)", output, re.MULTILINE)]
        packets = [int(n) for n in re.findall(r"^Ident: .* Packets: (\d+)", output, re.MULTILINE)]
        return {"packets": sum(packets), "records": sum(flows)}


class Softflowd(Subject):
    debian = True

    def __init__(self, flows=None):
        super().__init__("softflowd" if flows else "softflowd, 8,192 flows", "softflowd")
        self.flows = flows
        self.whole = flows is not None

    def command(self, capture, scratch):
        limit = ["-m", str(self.flows)] if self.flows else []
        return [self.program, "-r", capture, *limit, "-d", "-6", "-v", "10", "-n", "127.0.0.1:9",
                "-p", os.path.join(scratch, "softflowd.pid"), "-c", "none"]

    def counted(self, output, scratch):
        return {"packets": int(re.search(r"^Packets processed: (\d+)", output, re.MULTILINE)[1]),
                "records": int(re.search(r"^Flows expired: (\d+)", output, re.MULTILINE)[1])}


class Yaf(Subject):
    def command(self, capture, scratch):
        return [self.program, "-i", capture, "-o", os.devnull, "-v"]

    def counted(self, output, scratch):
        found = re.search(r"Processed (\d+) packets into (\d+) flows", output)
        return {"packets": int(found[1]), "records": int(found[2])} if found else None


class Ipfixprobe(Subject):
    def command(self, capture, scratch):
        return [self.program, "-i", f"pcap;file={capture}", "-o", "ipfix;u;host=127.0.0.1;port=9"]

    def counted(self, output, scratch):
        found = re.search(r"Output stats:\s+#\s.*\n\s*\d+\s+(\d+)\s+(\d+)", output)
        return {"packets": int(found[2]), "records": int(found[1])} if found else None


def pavo_totals(output):
    """The totals that pavo-sensor --dry-run --json ends with."""
    totals = json.loads(next(line for line in reversed(output.splitlines()) if line.startswith("{")))
    return {"packets": totals["packets_metered"], "records": totals["records"], "dropped": sum(totals["dropped"].values())}


def racount(records):
    """What argus's own client finds in its records."""
    counted = subprocess.run(["racount", "-r", records], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.search(r"^\s*sum\s+(\d+)\s+(\d+)", counted, re.MULTILINE)
    return {"packets": int(found[2]), "records": int(found[1])}


def subjects(build):
    """All that can be run here, the base first, then Pavo."""
    everyone = [
        PcapLoop("libpcap loop", os.path.join(build, "tests/bench/bench_pcap_loop")),
        PavoSensor("pavo-sensor", os.path.join(build, "sensor/pavo-sensor")),
        Argus("argus"),
        Nfpcapd("nfpcapd"),
        Softflowd(SOFTFLOWD_FLOWS),
        Softflowd(),
        Yaf("yaf", os.environ.get("PAVO_BENCH_YAF")),
        Ipfixprobe("ipfixprobe", os.environ.get("PAVO_BENCH_IPFIXPROBE")),
    ]
    return [subject for subject in everyone if subject.available()]
