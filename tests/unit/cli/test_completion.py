#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Completion in real shells, with the real programs; without an aggregator, so that only what it would tell is missing.
(With one: test_real.py.)

  test_completion.py COMPLETION-FOLDER PAVO-FILTER-PAGE PAVO PAVO-AGGREGATOR PAVO-SENSOR
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

FOLDER, PAGE, *PROGRAMS = sys.argv[1:6]
PATIENCE = 30  # seconds; bound of every wait
ENVIRONMENT = {"PATH": ":".join([os.path.dirname(program) for program in PROGRAMS] + [os.environ["PATH"]]), "HOME": "/nonexistent",
               "PAVO_AGGREGATOR": "127.0.0.1:1", "TERM": "dumb", "LC_ALL": "C.UTF-8", **{
                   name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}


def bash_says(*words, **environment):
    script = f"source {FOLDER}/pavo; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _pavo_complete; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True, timeout=PATIENCE,
                          env={**ENVIRONMENT, **environment})


def bash(*words):
    """What bash offers for the last word."""
    return bash_says(*words).stdout.split()


class Completion(unittest.TestCase):
    def test_commands_and_their_options(self):
        self.assertEqual(bash("pavo", "fi"), ["find"])
        self.assertIn("watch", bash("pavo", ""))
        self.assertEqual(bash("pavo", "find", "--fr"), ["--from"])
        self.assertEqual(bash("pavo", "-k", "some.key", "find", "--lim"), ["--limit"])
        self.assertEqual(bash("pavo", "keys", "en"), ["enrol"])
        self.assertIn("--slack", bash("pavo", "nat", "203.0.113.5:40312", "--"))

    def test_servers(self):
        self.assertEqual(bash("pavo-sensor", "--snap"), ["--snaplen"])
        self.assertEqual(bash("pavo-aggregator", "--bound"), ["--boundary"])

    def test_every_option_of_the_help(self):
        said = subprocess.run([PROGRAMS[0], "find", "--help"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(sorted(bash("pavo", "find", "--")), sorted(set(re.findall(r"(?m)^ +(?:-\w, )?(--[a-z-]+)", said))))

    def test_values_are_not_options(self):
        """TIME and the like are not to be guessed."""
        self.assertEqual(bash("pavo", "find", "--from", ""), [])
        self.assertEqual(bash("pavo", "find", "host", ""), [])

    def test_words_that_a_command_takes(self):
        self.assertEqual(bash("pavo", "export", "--format", "z"), ["zeek"])
        self.assertEqual(bash("pavo-sensor", "--import", ""), ["nfdump", "argus", "zeek"])
        self.assertEqual(bash("pavo", "report", ""), ["day"])
        self.assertEqual(bash("pavo", "keys", "enrol", "w"), ["witness"])
        self.assertEqual(bash("pavo", "new", "s"), ["services"])

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("one.pcap", "two.pcap"):
                open(os.path.join(folder, name), "w").close()
            self.assertEqual(bash("pavo-sensor", "-r", folder + "/o"), [folder + "/one.pcap"])
            self.assertEqual(len(bash("pavo", "find", "dst", "in", "file", folder + "/")), 2)

    def test_what_was_typed_is_no_program(self):
        """A word before the one that is completed may be pasted text: nothing of it is run, nor complained of."""
        with tempfile.TemporaryDirectory() as folder:
            made = os.path.join(folder, "made")
            for word in ("net 10.0.0.0/8".split()[1], f"x//;1e touch {made};#", f"$(touch {made})", f"`touch {made}`", "[", "\\"):
                said = bash_says("pavo", "find", word, "ho")
                self.assertEqual((said.stdout.split(), said.stderr), (["host"], ""), word)
            self.assertFalse(os.path.exists(made))

    def test_what_an_aggregator_says_is_no_program(self):
        """Names are checked where they come in; but whatever comes, it is not run, nor put where the shell would run it."""
        with tempfile.TemporaryDirectory() as folder:
            made = os.path.join(folder, "made")
            with open(os.path.join(folder, "pavo"), "w") as file:
                file.write("#!/bin/sh\ncase $* in *--json*) cat <<'END'\n"
                           '{"sensor":"$(touch${IFS}%s)"}\n{"sensor":"inner"}\nEND\nesac\n' % made)
            os.chmod(os.path.join(folder, "pavo"), 0o755)
            said = bash_says("pavo", "find", "sensor", "", PATH=folder + ":" + ENVIRONMENT["PATH"])
            self.assertEqual((said.stdout.split(), said.stderr), (["inner"], ""))
            self.assertFalse(os.path.exists(made))

    def test_words_of_filters_are_in_the_manual(self):
        with open(PAGE, encoding="utf-8") as file:
            page = file.read()
        self.assertEqual(bash("pavo", "find", "broad"), ["broadcast"])
        for word in bash("pavo", "find", ""):
            self.assertRegex(page, rf"\b{word}\b")

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not there")
    def test_zsh(self):
        process, terminal = pty.fork()
        if process == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], ENVIRONMENT)
        said = ""

        def until(pattern):
            nonlocal said
            end = time.monotonic() + PATIENCE
            while not re.search(pattern, said):
                self.assertLess(time.monotonic(), end, said)
                if select.select([terminal], [], [], 0.1)[0]:
                    said += os.read(terminal, 4096).decode(errors="replace")

        try:
            os.write(terminal, f"PS1='ready> ' && fpath=({FOLDER} $fpath) && autoload -U compinit && compinit -u -D\n".encode())
            until(r"(?s)compinit -u.*\n.*ready> ")
            for _ in range(2):  # the first time the file is found, then it is known
                said = ""
                os.write(terminal, b"pavo fin\t")
                until(r"pavo find ")
                os.write(terminal, b"\x15")
        finally:
            os.close(terminal)
            os.waitpid(process, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
