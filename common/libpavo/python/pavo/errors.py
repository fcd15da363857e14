# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, each with a sentence that names the place and the way out."""


class Error(Exception):
    """Whatever this module raises of its own."""


class Unreachable(Error):
    """The aggregator cannot be reached, went away, or says nothing. It is tried again with the next call."""


class Refused(Error):
    """The aggregator does not let this key in. It is tried again with the next call: somebody may enrol it."""


class KeyFileError(Error):
    """The key file cannot be used."""


class QuestionError(Error):
    """A question that the aggregator does not answer as it was put.

    `parameter` is the argument it is about ("": none), `offset` the place in it, in bytes.
    """

    def __init__(self, sentence, parameter="", offset=0):
        super().__init__(sentence)
        self.parameter = parameter
        self.offset = offset
