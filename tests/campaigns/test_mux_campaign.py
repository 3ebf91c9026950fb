from tests.campaigns import told
from tests.campaigns.mux import run


def test_new_sound_meets_every_kind_of_picture(tmp_path):
    # Case 24 has a long picture among B-frames.
    cases = [*range(11), 24]
    result = run(cases, 0, tmp_path)
    assert not result.failures, told("mux", 0, result)
    assert result.figures["clicks in place"] == len(cases) * 8
