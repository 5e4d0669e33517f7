"""Files that were cut anywhere, or of which a bit was flipped."""

import os

import pytest
from attacking import KINDS, tally

STEPS = [pytest.param(1, marks=pytest.mark.exhaustive, id="all"), pytest.param(97, id="some")]
"""How many bytes from one that is attacked to the next."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_anywhere_is_refused(tmp_path, kind, step):
    write, read = KINDS[kind]
    path = tmp_path / "file"
    write(path)
    whole = path.read_bytes()
    with tally(f"{kind} cut short") as attempts:
        lengths = range(0, len(whole), step * (5 if kind == "checkpoint" else 1))
        for length in reversed(lengths):
            os.truncate(path, length)
            attempts.attempt(f"{length} bytes", lambda: read(path), length, lambda _: False)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_noticed_or_is_none_of_what_is_read(tmp_path, kind, step):
    write, read = KINDS[kind]
    path = tmp_path / "file"
    write(path)
    whole = path.read_bytes()
    right = read(path)
    with tally(f"{kind} with a bit flipped") as attempts, open(path, "r+b", buffering=0) as file:
        for place in range(0, len(whole), step):
            # As a checkpoint is long, one of each byte, and of the next byte the next one.
            for bit in [place % 8] if kind == "checkpoint" else range(8):
                os.pwrite(file.fileno(), bytes([whole[place] ^ 1 << bit]), place)
                name = f"bit {bit} of byte {place}"
                attempts.attempt(name, lambda: read(path), len(whole), lambda found: found == right)
            os.pwrite(file.fileno(), whole[place : place + 1], place)
    assert path.read_bytes() == whole
    assert attempts.counts["read"] <= 8 * len("autograd_lite checksum") + 8  # its name alone
