"""Write checkpoints as PyTorch does, without PyTorch."""

import io
import pickle
import zipfile

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
