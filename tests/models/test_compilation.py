import jax
import pytest

from temporal_foley.models.compilation import enable_compilation_cache


@pytest.fixture(autouse=True)
def _restore_settings():
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_the_cache_is_switched_on(tmp_path):
    folder = enable_compilation_cache(tmp_path)
    assert folder is not None
    assert folder.is_dir()
    assert jax.config.jax_compilation_cache_dir == str(folder)


def test_a_folder_that_cannot_be_made_is_tolerated(tmp_path):
    (tmp_path / "file").write_text("")
    before = jax.config.jax_compilation_cache_dir
    assert enable_compilation_cache(tmp_path / "file") is None
    assert jax.config.jax_compilation_cache_dir == before
