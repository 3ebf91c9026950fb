"""Read PyTorch checkpoints as named arrays: as data, never as code.

A checkpoint is a pickle that names its tensors, followed by (or zipped beside) their raw values.
The pickle is read by an unpickler that knows ten names, all of them replaced by functions of this
file, after a scan that admits only the opcodes such a pickle needs. So no code in a file can run.
Format: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py.
"""

import hashlib
import io
import math
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np

from temporal_foley.errors import WeightsError
from temporal_foley.files.reading import open_regular, read_whole

MAX_FILE_BYTES = 2 * 1024**3
MAX_PICKLE_BYTES = 16 * 1024**2

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}

# The opcodes of PyTorch's pickles; only GLOBAL imports, only REDUCE and BUILD call.
_OPCODES = frozenset(
    """
    PROTO FRAME STOP MARK GLOBAL REDUCE BUILD BINPERSID NONE NEWTRUE NEWFALSE BININT BININT1 BININT2
    LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2
    TUPLE3 SETITEM SETITEMS APPEND APPENDS BINPUT LONG_BINPUT BINGET LONG_BINGET MEMOIZE
    """.split()  # noqa: SIM905 - one name a word reads better than one a line
)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read the weights file ({error.strerror})", path=path) from error


def read_torch_checkpoint(path: Path, *, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Read the state dict of a PyTorch checkpoint, in the legacy or the zip format.

    Args:
        path: The file.
        sha256: If given, the hash that the file must have; checked before anything is parsed.
    """
    try:
        blob = read_whole(path, MAX_FILE_BYTES)
    except OSError as error:
        raise WeightsError(f"cannot read the weights file ({error.strerror})", path=path) from error
    if sha256 is not None:
        check_sha256(path, hashlib.sha256(blob).hexdigest(), sha256)
    try:
        if blob[:4] == b"PK\x03\x04":
            return _read_zip(blob)
        return _read_legacy(blob)
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        EOFError,
        OverflowError,
        RuntimeError,
        NotImplementedError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise WeightsError(f"not a readable PyTorch checkpoint ({error})", path=path) from error


def check_sha256(path: Path, found: str, expected: str) -> None:
    """Raise if a file has another hash than expected."""
    if found != expected:
        raise WeightsError(
            f"altered or another file (SHA-256 {found[:12]}…, expected {expected[:12]}…)",
            path=path,
            remedy="install or download it again",
        )


class _Storage:
    """A run of values that tensors are views of; its values may come after the pickle."""

    def __init__(self, dtype: np.dtype, length: int):
        self.dtype = dtype
        self.length = length
        self.values: np.ndarray | None = None


class _Tensor:
    """The part of a storage that a tensor is a view of."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple, strides: tuple):
        integers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or any(type(value) is not int for value in integers):
            raise ValueError("a tensor is described wrongly")
        if min(integers) < 0 or len(shape) != len(strides) or len(shape) > 8:
            raise ValueError("a tensor has an impossible shape")
        reach = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
        if 0 not in shape and offset + reach >= storage.length:
            raise ValueError("a tensor reaches beyond its storage")
        # Strides of zero could make a few bytes look like any amount of memory.
        if math.prod(shape) > storage.length:
            raise ValueError("a tensor is larger than its storage")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        values = self.storage.values
        if values is None:
            raise ValueError("a tensor has no values")
        strides = tuple(stride * values.itemsize for stride in self.strides)
        view = np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides)
        return np.ascontiguousarray(view)


class _OrderedDict(dict):
    """Replaces `collections.OrderedDict`; PyTorch's attributes on it are dropped."""

    def __setstate__(self, state: object) -> None:
        del state


def _rebuild_tensor(storage, offset, shape, strides, *_unused) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _rebuild_parameter(tensor, *_unused) -> _Tensor:
    return tensor


_KNOWN = {
    ("collections", "OrderedDict"): _OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
}


class _DataUnpickler(pickle.Unpickler):
    """Knows the names of `_KNOWN` and nothing else."""

    def __init__(self, blob: bytes, storages: dict[str, _Storage], max_bytes: int):
        super().__init__(io.BytesIO(blob))
        self.storages = storages
        self.max_bytes = max_bytes

    def find_class(self, module: str, name: str):
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid):
        kind, dtype, key, _location, length = pid[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError("it refers to something that is not a storage")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("it uses views of storages")
        if type(length) is not int or not 0 <= length * dtype.itemsize <= self.max_bytes:
            raise pickle.UnpicklingError("a storage is larger than the file")
        return self.storages.setdefault(key, _Storage(dtype, length))


def _scan(blob: bytes, start: int) -> int:
    """Return where the pickle at `start` ends, having checked that it can only describe data."""
    window = io.BytesIO(blob[start : start + MAX_PICKLE_BYTES])
    for opcode, argument, _position in pickletools.genops(window):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f"it holds the opcode {opcode.name}")
        # The C unpickler allocates its memo up to the largest index.
        if opcode.name == "LONG_BINPUT" and (argument or 0) > MAX_PICKLE_BYTES:
            raise pickle.UnpicklingError("its memo is too large")
    return start + window.tell()


def _state_dict(loaded: object) -> dict[str, np.ndarray]:
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        raise ValueError("it does not hold a state dict")
    return {str(k): v.array() for k, v in loaded.items() if isinstance(v, _Tensor)}


def _read_legacy(blob: bytes) -> dict[str, np.ndarray]:
    storages: dict[str, _Storage] = {}
    position = 0
    parts = []
    # Magic number, protocol, system description, state dict, keys of the storages.
    for _ in range(5):
        end = _scan(blob, position)
        parts.append(_DataUnpickler(blob[position:end], storages, len(blob)).load())
        position = end
    magic, protocol, _system, loaded, keys = parts
    if magic != _LEGACY_MAGIC or protocol != _LEGACY_PROTOCOL:
        raise ValueError("its header is unknown")
    for key in keys:
        storage = storages[key]
        length = int.from_bytes(blob[position : position + 8], "little")
        if length != storage.length:
            raise ValueError(f"storage {key} has {length} values, not {storage.length}")
        storage.values = np.frombuffer(blob, storage.dtype, length, position + 8)
        position += 8 + length * storage.dtype.itemsize
    return _state_dict(loaded)


def _read_zip(blob: bytes) -> dict[str, np.ndarray]:
    storages: dict[str, _Storage] = {}
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        names = {info.filename: info for info in archive.infolist()}
        # PyTorch stores its members uncompressed, which also rules out archive bombs.
        if any(info.compress_type != zipfile.ZIP_STORED for info in names.values()):
            raise ValueError("it holds compressed members")
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("it does not hold one data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("its values are big-endian")
        content = archive.read(pickles[0])
        end = _scan(content, 0)
        loaded = _DataUnpickler(content[:end], storages, len(blob)).load()
        for key, storage in storages.items():
            values = np.frombuffer(archive.read(f"{folder}data/{key}"), storage.dtype)
            if values.size != storage.length:
                raise ValueError(f"storage {key} has {values.size} values, not {storage.length}")
            storage.values = values
    return _state_dict(loaded)
