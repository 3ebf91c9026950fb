import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from temporal_foley.errors import WeightsError
from temporal_foley.models.weights import read_torch_checkpoint

MAGIC = 0x1950A86A20F9469CFC6C


class Global:
    """Pickles as a reference to any name."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        """Do nothing; the pickler wants something callable."""


class Pickler(pickle._Pickler):
    """Writes what PyTorch would, without PyTorch."""

    def persistent_id(self, item):
        return item.parts if isinstance(item, Storage) else None

    def save_global(self, item, name=None):
        self.write(pickle.GLOBAL + f"{item.module}\n{item.name}\n".encode())

    def save(self, item, save_persistent_id=True):
        if isinstance(item, Global):
            return self.save_global(item)
        return super().save(item, save_persistent_id)


class Storage:
    def __init__(self, key, length, kind="FloatStorage"):
        self.parts = ("storage", Global("torch", kind), key, "cpu", length, None)


class Call:
    def __init__(self, module, name, *arguments):
        self.function, self.arguments = Global(module, name), arguments

    def __reduce_ex__(self, protocol):
        return self.function, self.arguments


def dumps(item):
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(item)
    return buffer.getvalue()


def tensor(storage, offset, shape, strides):
    empty = Call("collections", "OrderedDict")
    arguments = (storage, offset, shape, strides, False, empty)
    return Call("torch._utils", "_rebuild_tensor_v2", *arguments)


def zipped(item, storages):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", dumps(item))
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
    return buffer.getvalue()


def legacy(item, storages):
    parts = [dumps(part) for part in (MAGIC, 1001, {"little_endian": True}, item, list(storages))]
    for values in storages.values():
        parts += [len(values).to_bytes(8, "little"), values.tobytes()]
    return b"".join(parts)


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
