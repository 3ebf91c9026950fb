from tests.campaigns import told
from tests.campaigns.mux import run


def test_new_sound_meets_every_kind_of_picture(tmp_path):
    result = run(range(12), 0, tmp_path)
    assert not result.failures, told("mux", 0, result)
    assert result.figures["clicks in place"] == 12 * 8
