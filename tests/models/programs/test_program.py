"""Stored programs give what jax gives, without jax; what cannot be used is compiled again."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.experimental.compilation_cache import compilation_cache

from temporal_foley.files.cache import Cache
from temporal_foley.models.compilation import enable_compilation_cache
from temporal_foley.models.programs import machine, program, run
from temporal_foley.models.programs.program import NetworkStep, flattened, nested, single_precision

ROWS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """Let no test find the programs of another."""
    monkeypatch.setattr(program, "_SHARED", {})


@pytest.fixture
def cache(tmp_path):
    return Cache("programs", 1 << 24, tmp_path)


@pytest.fixture
def traced():
    return []


def weights(features=5):
    rng = np.random.default_rng(0)
    return single_precision(
        {
            "layers.0.kernel": rng.normal(size=(4, features)),
            "layers.10.bias": rng.normal(size=features),
            "layers.2.unused": np.ones(3),
            "scale": np.array(0.5),
        }
    )


def make(cache, traced, *, settings="net", own=None, **changes):
    def step(weights, rows, count):
        layers = weights["layers"]
        sums = jnp.tanh(rows @ layers[0]["kernel"]) + layers[10]["bias"]
        return sums * weights["scale"], (rows.sum(axis=1), count + 1)

    def trace():
        traced.append(1)
        return step

    own = weights() if own is None else own
    fields = {"name": "test", "settings": settings, "trace": trace, "weights": own, "cache": cache}
    return NetworkStep(**fields | changes)


def outputs_of(made, rows=ROWS, count=3):
    return made(rows, np.asarray(count))


def entries(cache):
    return sorted(cache._path("x").parent.glob("*.entry"))


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


def again(monkeypatch):
    monkeypatch.setattr(program, "_SHARED", {})


def test_a_stored_program_equals_jax_to_the_bit(cache, traced, monkeypatch):
    plain = outputs_of(make(cache, traced, settings=None))
    assert entries(cache) == []
    made = outputs_of(make(cache, traced))
    assert len(entries(cache)) == 1
    again(monkeypatch)
    stored = outputs_of(make(cache, traced))
    assert len(traced) == 2
    expected = np.tanh(ROWS @ weights()["layers.0.kernel"]) + weights()["layers.10.bias"]
    np.testing.assert_allclose(stored[0], 0.5 * expected, atol=1e-6)
    assert stored[2] == 4
    assert stored[2].dtype == np.int32
    assert_equal(made, plain)
    assert_equal(stored, plain)


def test_each_shape_is_compiled_once(cache, traced, monkeypatch):
    made = make(cache, traced)
    outputs_of(made)
    outputs_of(made, count=7)
    outputs_of(made, rows=ROWS[:2])
    outputs_of(make(cache, traced))
    assert len(traced) == 2
    again(monkeypatch)
    outputs_of(make(cache, traced, own=weights(6)))
    outputs_of(make(cache, traced, settings={"other": 1}))
    outputs_of(make(cache, traced, name="another"))
    assert len(traced) == 5
    assert len(entries(cache)) == 5


def test_programs_of_one_shape_use_their_own_weights(cache, traced, monkeypatch):
    outputs_of(make(cache, traced))
    again(monkeypatch)
    other = weights() | {"scale": np.array(3.0, np.float32)}
    found = [outputs_of(make(cache, traced, own=own))[0] for own in (weights(), other)]
    assert len(traced) == 1
    assert np.abs(found[0] - found[1]).max() > 0.1


@pytest.mark.parametrize("damage", ["empty", "junk", "short", "of another step"])
def test_entries_that_cannot_be_used_are_replaced(cache, traced, monkeypatch, damage):
    expected = outputs_of(make(cache, traced))
    key = make(cache, traced)._key((("float32", (3, 4)), ("int32", ())))
    whole = cache.read(key)
    assert whole is not None
    # Whole as files, so that only the runtime can notice.
    other = NetworkStep(
        name="other",
        settings="other",
        trace=lambda: lambda weights, rows: rows + 1,
        weights={},
        cache=cache,
    )
    other(ROWS)
    wrong = {
        "empty": b"",
        "junk": bytes(range(256)) * 4,
        "short": whole[: len(whole) // 2],
        "of another step": cache.read(other._key((("float32", (3, 4)),))),
    }[damage]
    assert wrong is not None
    cache.write(key, wrong)
    again(monkeypatch)
    assert_equal(outputs_of(make(cache, traced)), expected)
    assert cache.read(key) != wrong
    assert len(traced) == 2


def test_half_written_files_are_replaced(cache, traced, monkeypatch):
    expected = outputs_of(make(cache, traced))
    (path,) = entries(cache)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])
    again(monkeypatch)
    assert_equal(outputs_of(make(cache, traced)), expected)
    assert path.stat().st_size == size


def test_programs_of_another_machine_are_not_loaded(cache, traced, monkeypatch):
    expected = outputs_of(make(cache, traced))
    again(monkeypatch)
    monkeypatch.setattr(program, "machine_key", lambda: "another")
    assert_equal(outputs_of(make(cache, traced)), expected)
    assert len(entries(cache)) == 2


def test_a_runtime_of_another_version_only_costs_time(cache, traced, monkeypatch):
    expected = outputs_of(make(cache, traced))
    again(monkeypatch)

    class Missing:
        def __getattr__(self, name):
            raise AttributeError(name)

    monkeypatch.setattr(run, "_runtime", Missing)
    assert_equal(outputs_of(make(cache, traced)), expected)
    assert len(traced) == 2


def test_errors_of_a_step_itself_are_not_hidden(cache):
    def trace():
        return lambda weights, rows: rows @ jnp.ones((7, 7))

    made = NetworkStep(name="wrong", settings="wrong", trace=trace, weights={}, cache=cache)
    with pytest.raises(TypeError, match="dot_general"):
        made(ROWS)
    assert entries(cache) == []


def test_what_jax_took_from_its_own_cache_is_not_stored(cache, traced, monkeypatch, tmp_path):
    monkeypatch.setenv("TEMPORAL_FOLEY_CACHE", str(tmp_path))
    # A program that jax loaded loses its functions when it is stored once more.
    names = ("compilation_cache_dir", "persistent_cache_min_compile_time_secs")
    names += ("persistent_cache_min_entry_size_bytes", "enable_compilation_cache")
    before = {f"jax_{name}": getattr(jax.config, f"jax_{name}") for name in names}
    try:
        assert enable_compilation_cache() is not None
        compilation_cache.reset_cache()
        plain = outputs_of(make(cache, traced, settings=None))
        jax.clear_caches()
        assert list((tmp_path / "compiled").iterdir())
        outputs_of(make(cache, traced))
        assert jax.config.jax_enable_compilation_cache
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
    again(monkeypatch)
    assert_equal(outputs_of(make(cache, traced)), plain)
    assert len(traced) == 2


def test_without_a_folder_jax_does_it_all(tmp_path, traced):
    (tmp_path / "programs").write_text("in the way")
    cache = Cache("programs", 1 << 24, tmp_path)
    assert outputs_of(make(cache, traced))[0].shape == (3, 5)
    assert len(traced) == 1


def test_accelerators_keep_their_own_way(monkeypatch, cache, traced):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert not machine.runs_on_processor()
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert machine.runs_on_processor()
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setattr(machine, "_ACCELERATORS", ("json",))
    assert not machine.runs_on_processor()
    outputs_of(make(cache, traced))
    outputs_of(make(cache, traced))
    assert entries(cache) == []
    assert len(traced) == 2


def test_the_key_follows_settings_of_jax(monkeypatch):
    machine.machine_key.cache_clear()
    before = machine.machine_key()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    machine.machine_key.cache_clear()
    assert machine.machine_key() != before
    monkeypatch.delenv("XLA_FLAGS")
    machine.machine_key.cache_clear()
    assert machine.machine_key() == before


def test_stored_programs_need_no_jax_and_get_along_with_it(cache, tmp_path):
    outputs_of(make(cache, []))
    code = f"""
import sys
import numpy as np
from pathlib import Path
from temporal_foley.files.cache import Cache
from temporal_foley.models.programs.program import NetworkStep, single_precision
rng = np.random.default_rng(0)
weights = single_precision({{
    "layers.0.kernel": rng.normal(size=(4, 5)), "layers.10.bias": rng.normal(size=5),
    "layers.2.unused": np.ones(3), "scale": np.array(0.5)}})
def trace():
    raise SystemExit("traced")
made = NetworkStep(name="test", settings="net", trace=trace, weights=weights,
               cache=Cache("programs", 1 << 24, Path({str(tmp_path)!r})))
rows = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
found = made(rows, np.asarray(3))[0]
assert not {{"jax", "flax"}} & set(sys.modules), "jax was loaded"
import jax, jax.numpy as jnp
assert jnp.arange(3.0).sum() == 3 and jnp.asarray(1.5).dtype == jnp.float32
assert (made(rows, np.asarray(3))[0] == found).all()
print(found.tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip() == outputs_of(make(cache, []))[0].tobytes().hex()


def test_weights_lie_on_whole_cache_lines():
    placed = weights()
    assert all(array.ctypes.data % 64 == 0 for array in placed.values())
    assert all(array.dtype == np.float32 for array in placed.values())
    np.testing.assert_array_equal(placed["layers.2.unused"], np.ones(3))


NAMES = st.sampled_from(["kernel", "bias", "0", "1", "10", "head"])
TREES = st.recursive(
    st.just(1.0), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=9
).filter(lambda tree: isinstance(tree, dict))


@given(TREES)
def test_flattening_undoes_nesting(tree):
    flat = flattened(tree)
    assert flattened(nested(flat)) == flat
    assert len(flat) == len(jax.tree.leaves(tree))
