import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from temporal_foley.errors import WeightsError
from temporal_foley.models.weights import read_torch_checkpoint
from tests.models.torch_files import Storage, dumps, legacy, tensor, zipped


@pytest.mark.parametrize("pack", [zipped, legacy])
def test_reads_tensors_with_offsets_and_strides(tmp_path, pack):
    values = np.arange(12, dtype=np.float32)
    state = {"kernel": tensor(Storage("0", 12), 2, (2, 3), (1, 3)), "steps": 7}
    path = tmp_path / "model.pth"
    path.write_bytes(pack(state, {"0": values}))
    arrays = read_torch_checkpoint(path)
    assert list(arrays) == ["kernel"]
    np.testing.assert_array_equal(arrays["kernel"], [[2, 5, 8], [3, 6, 9]])


@pytest.mark.parametrize("pack", [zipped, legacy])
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (4, 4), (4, 1)), (11, (2,), (1,)), (-1, (2,), (1,)), (0, (10**9,), (0,))],
)
def test_refuses_tensors_outside_their_storage(tmp_path, pack, offset, shape, strides):
    state = {"kernel": tensor(Storage("0", 12), offset, shape, strides)}
    path = tmp_path / "model.pth"
    path.write_bytes(pack(state, {"0": np.zeros(12, np.float32)}))
    with pytest.raises(WeightsError, match=r"model\.pth"):
        read_torch_checkpoint(path)


@pytest.mark.parametrize("pack", [zipped, legacy])
def test_refuses_storages_larger_than_the_file(tmp_path, pack):
    state = {"kernel": tensor(Storage("0", 10**12), 0, (1,), (1,))}
    path = tmp_path / "model.pth"
    path.write_bytes(pack(state, {"0": np.zeros(4, np.float32)}))
    with pytest.raises(WeightsError, match="larger than the file"):
        read_torch_checkpoint(path)


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ["TEST_EVIL_FOLDER"],)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_hostile_pickle_runs_nothing(tmp_path, monkeypatch, protocol, form):
    folder = tmp_path / "made"
    monkeypatch.setenv("TEST_EVIL_FOLDER", str(folder))
    content = pickle.dumps(Evil(), protocol)
    if form == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", content)
        content = buffer.getvalue()
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_torch_checkpoint(path)
    assert not folder.exists()


def test_every_truncation_is_one_line(tmp_path):
    values = np.arange(12, dtype=np.float32)
    content = legacy({"kernel": tensor(Storage("0", 12), 0, (12,), (1,))}, {"0": values})
    path = tmp_path / "model.pth"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError) as caught:
            read_torch_checkpoint(path)
        assert "\n" not in str(caught.value)


def test_compressed_members_are_refused(tmp_path):
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", dumps({}))
    with pytest.raises(WeightsError, match="compressed"):
        read_torch_checkpoint(path)


def test_a_hash_is_checked_before_anything_is_read(tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="SHA-256"):
        read_torch_checkpoint(path, sha256="0" * 64)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"absent\.pth"):
        read_torch_checkpoint(tmp_path / "absent.pth")


def test_a_wrapped_state_dict_is_found(tmp_path):
    path = tmp_path / "model.pth"
    state = {"state_dict": {"kernel": tensor(Storage("0", 1), 0, (1,), (1,))}, "epoch": 3}
    path.write_bytes(zipped(state, {"0": np.ones(1, np.float32)}))
    assert read_torch_checkpoint(path)["kernel"] == 1
