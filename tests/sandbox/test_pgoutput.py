"""What the decoder does with messages that a sane server does not send."""

from __future__ import annotations

import struct

import pytest

from livewidgets.errors import ProtocolError
from livewidgets.sandbox.pgoutput import Decoder


def relation(oid: int = 7) -> bytes:
    columns = b"\x01id\0" + struct.pack(">Ii", 20, -1) + b"\x00note\0" + struct.pack(">Ii", 99_999, -1)
    return b"R" + struct.pack(">I", oid) + b"public\0things\0d" + struct.pack(">h", 2) + columns


def test_an_unknown_message_is_said() -> None:
    with pytest.raises(ProtocolError, match="unknown message"):
        Decoder({}).feed(b"?")


def test_an_unknown_form_of_a_value_is_said() -> None:
    decoder = Decoder({20: "int8"})
    decoder.feed(relation())
    with pytest.raises(ProtocolError, match="unknown form"):
        decoder.feed(b"I" + struct.pack(">I", 7) + b"N" + struct.pack(">h", 1) + b"?")


def test_nothing_comes_out_before_the_commit() -> None:
    decoder = Decoder({20: "int8"})
    row = struct.pack(">h", 2) + b"t" + struct.pack(">i", 1) + b"5n"
    assert decoder.feed(b"B" + struct.pack(">qqi", 0x1234, 0, 1)) is None
    assert decoder.in_transaction
    assert decoder.feed(relation()) is None
    assert decoder.feed(b"I" + struct.pack(">I", 7) + b"N" + row) is None
    changes = decoder.feed(b"C" + struct.pack(">bqqq", 0, 0x1234, 0x1300, 0))
    assert changes is not None
    assert not decoder.in_transaction
    assert decoder.end_lsn == 0x1300
    (change,) = changes
    assert change.new == ("5", None)
    assert change.lsn == 0x1234
    assert change.commit_time.isoformat() == "2000-01-01T00:00:00+00:00"
    assert [c.type_name for c in change.relation.columns] == ["int8", "unknown"]
    assert "5" not in repr(change).split(" at ")[0]
