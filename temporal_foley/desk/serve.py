"""Start and stop the server of the desk."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable

from temporal_foley.desk.workplace import Workplace
from temporal_foley.errors import FoleyError

ADDRESS = "127.0.0.1"
STOP_S = 5.0
"""How long a job may take to drop what it is making."""


def serve(
    workplace: Workplace,
    *,
    port: int = 0,
    opens_browser: bool = True,
    report: Callable[[str], None],
) -> bool:
    """Serve a workplace until Ctrl-C; returns whether all work had ended by then.

    Args:
        workplace: What to serve.
        port: The port; 0 for any that is free.
        opens_browser: Open the page in the user's browser.
        report: Called with the address of the page.

    Raises:
        FoleyError: The port cannot be used.
    """
    import uvicorn

    from temporal_foley.desk.app import build_app
    from temporal_foley.desk.guard import make_token

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port))
    except OSError as error:
        listener.close()
        raise FoleyError(
            f"cannot be used ({error.strerror})", option=f"--port {port}", remedy="leave it out"
        ) from None
    token, number = make_token(), listener.getsockname()[1]
    address = f"http://{ADDRESS}:{number}/{token}/"

    class Server(uvicorn.Server):
        """Reports its address once it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            report(address)
            if opens_browser:
                webbrowser.open(address)

    config = uvicorn.Config(
        build_app(workplace, token=token, port=number),
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    try:
        Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
    return workplace.worker.stop(STOP_S)


def leave_now() -> None:
    """End the process although work goes on in threads; its folders are made anew next time."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
