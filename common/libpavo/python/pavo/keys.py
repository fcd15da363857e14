# SPDX-License-Identifier: Apache-2.0
"""Key files, as `pavo keys enrol` writes them: INI with one section [pavo-key]."""

import configparser
import os
import stat
from typing import NamedTuple

from .errors import KeyFileError

ROLES = ("reader", "gateway")
ITEMS = ("public", "secret", "aggregator")


class Keys(NamedTuple):
    role: str
    name: str
    public: bytes  # Z85, as ZeroMQ takes them
    secret: bytes
    aggregator: bytes


def read(path):
    """The keys in a file; KeyFileError with what is wrong with it."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"))
    try:
        with open(path, encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise KeyFileError(f"{path}: others may read it; chmod 600 {path}")
            parser.read_file(file)
        section = parser["pavo-key"]
        keys = Keys(section["role"], section["name"], *(section[item].encode() for item in ITEMS))
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path}: this is no key file of a reader's: {error}") from None
    if keys.role not in ROLES:
        raise KeyFileError(f"{path} is the key of a {keys.role}, a reader's is needed: pavo keys enrol reader NAME")
    for item in ITEMS:
        if len(getattr(keys, item)) != 40:
            raise KeyFileError(f"{path}: {item}: not a key of 40 Z85 characters")
    return keys
