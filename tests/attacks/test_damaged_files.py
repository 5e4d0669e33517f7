"""Files that were cut anywhere, or of which a bit was flipped."""

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
        for length in range(0, len(whole), step * (5 if kind == "checkpoint" else 1)):
            path.write_bytes(whole[:length])
            attempts.attempt(f"{length} bytes", lambda: read(path), length, lambda _: False)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_noticed_or_is_none_of_what_is_read(tmp_path, kind, step):
    write, read = KINDS[kind]
    path = tmp_path / "file"
    write(path)
    whole = path.read_bytes()
    right = read(path)
    bits = range(8 if kind != "checkpoint" else 1)  # as that is long, one of each byte
    with tally(f"{kind} with a bit flipped") as attempts:
        for place in range(0, len(whole), step):
            for bit in bits:
                changed = bytearray(whole)
                changed[place] ^= 1 << (bit + place * (kind == "checkpoint")) % 8
                path.write_bytes(changed)
                name = f"bit {bit} of byte {place}"
                attempts.attempt(name, lambda: read(path), len(whole), lambda found: found == right)
    assert attempts.counts["read"] <= 8 * len("autograd_lite checksum") + 8  # its name alone
