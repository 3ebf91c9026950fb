"""The command `demo`: generate a short clip that the package makes itself."""

import dataclasses
from pathlib import Path
from typing import Annotated

from temporal_foley.cli.commands.generate import Generate
from temporal_foley.cli.console import Console
from temporal_foley.cli.options import Arg
from temporal_foley.errors import FoleyError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo:
    """Try it without a video: make a short clip and run `generate` on it."""

    out: Annotated[Path, Arg(metavar="DIR", short="-o")] = Path("foley-demo")
    """Where the clip and its output go."""
    overwrite: bool = False
    """Replace an earlier demo."""

    def run(self, console: Console) -> int:
        """Make the clip and generate it."""
        from temporal_foley.cli.demo_clip import make_demo_clip

        clip = self.out / "demo.mp4"
        if clip.exists() and not self.overwrite:
            console.print(f"{clip}: made by an earlier demo; --overwrite makes it anew")
        else:
            try:
                self.out.mkdir(parents=True, exist_ok=True)
                make_demo_clip(clip)
            except OSError as error:
                raise FoleyError(f"cannot be written ({error.strerror})", path=clip) from None
        console.print(
            f"{clip}: 12 s made of two photographs (a cat, a cup of coffee, the "
            "cat again) with camera moves, not a real video; its second shot has no effect in it"
        )
        return Generate(videos=(clip,), overwrite=self.overwrite).run(console)
