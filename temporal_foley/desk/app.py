"""Answer the requests of the desk's pages."""

import contextlib
import html
import json
import re
import secrets
from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from temporal_foley.desk.guard import Guard, content_policy
from temporal_foley.desk.project import MOST_CUE_BYTES, ChangedOnDisk, Project
from temporal_foley.desk.workplace import Workplace
from temporal_foley.errors import FoleyError, one_line
from temporal_foley.files.records import read_record
from temporal_foley.pages.review import review_html
from temporal_foley.session.names import FORMATS
from temporal_foley.timeline import Asset

_MOST_SMALL_BYTES = 1 << 20
_JSON = "application/json"


def build_app(workplace: Workplace, *, token: str, port: int) -> ASGIApp:
    """Build the application of a workplace; everything is under `/TOKEN/`."""

    def about(does: Callable[[Project, Request, Any], Response], most: int = _MOST_SMALL_BYTES):
        """Make an endpoint of a function of a project, a request and the request's JSON."""

        async def endpoint(request: Request) -> Response:
            project = await run_in_threadpool(workplace.project, request.path_params["project"])
            if project is None:
                raise HTTPException(404, "There is no such project.")
            body = await _json(request, most) if request.method == "POST" else None
            return await run_in_threadpool(does, project, request, body)

        return endpoint

    async def start(request: Request) -> Response:
        projects = await run_in_threadpool(workplace.projects)
        if workplace.opens is not None and "all" not in request.query_params:
            for one in projects:
                if one.folder == workplace.opens:
                    return RedirectResponse(f"/{token}/p/{one.id}/", 303)
        return _page(_start_html)

    async def everything(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(workplace.document))

    async def analyse(request: Request) -> Response:
        body = await _json(request, _MOST_SMALL_BYTES)
        job = await run_in_threadpool(workplace.analyse, str(body.get("video", "")))
        return JSONResponse(job.document())

    async def upload(request: Request) -> Response:
        name = request.query_params.get("name", "")
        await run_in_threadpool(workplace.new_video, name)
        part = workplace.root / f".upload-{secrets.token_hex(8)}.part"
        try:
            with part.open("xb") as file:
                async for block in request.stream():
                    await run_in_threadpool(file.write, block)
            job = await run_in_threadpool(workplace.take_upload, part, name)
        except ClientDisconnect:
            raise HTTPException(400, "The video did not arrive whole.") from None
        finally:
            part.unlink(missing_ok=True)
        return JSONResponse(job.document())

    def page(project: Project, request: Request, body: Any) -> Response:
        if not request.url.path.endswith("/"):
            return RedirectResponse(f"/{token}/p/{project.id}/", 303)
        try:
            data = project.page_data()
        except FoleyError as error:
            if project.cues.is_file() and workplace.worker.unfinished("render", project.id) is None:
                with contextlib.suppress(FoleyError):
                    project.read()
                    workplace.render(project)
            return _page(partial(_wait_html, one_line(error)), 503)
        draft = project.left_draft(data["desk"]["digest"])
        data["desk"] |= {
            "draft": draft,
            "view": project.view(),
            "formats": list(FORMATS),
            "folder": str(project.folder),
        }
        return _page(lambda nonce: review_html(data, nonce=nonce))

    def state(project: Project, request: Request, body: Any) -> Response:
        project.note_tab(request.query_params.get("tab", ""))
        jobs = [job for job in workplace.worker.jobs.values() if job.project == project.id]
        last = jobs[-1].document() if jobs else None
        return JSONResponse({"digest": project.digest(), "job": last})

    def cues(project: Project, request: Request, body: Any) -> Response:
        if request.method == "GET":
            data = project.page_data()
            return JSONResponse({"cues": data["cues"], "digest": data["desk"]["digest"]})
        try:
            base = body.get("base")
            digest = project.save(json.dumps(body.get("cues")), base, workplace.library)
        except ChangedOnDisk as error:
            return JSONResponse({"error": str(error), "digest": project.digest()}, 409)
        return JSONResponse({"digest": digest})

    def draft(project: Project, request: Request, body: Any) -> Response:
        project.keep_draft(str(body.get("tab")), str(body.get("base")), body.get("cues"))
        return JSONResponse({})

    def view(project: Project, request: Request, body: Any) -> Response:
        project.keep_view(body)
        return JSONResponse({})

    def render(project: Project, request: Request, body: Any) -> Response:
        return JSONResponse(workplace.render(project).document())

    def export(project: Project, request: Request, body: Any) -> Response:
        names = [str(name) for name in body.get("formats") or ()]
        return JSONResponse(workplace.export(project, names).document())

    def palette(project: Project, request: Request, body: Any) -> Response:
        return JSONResponse({"offers": workplace.palette.document()})

    def take(project: Project, request: Request, body: Any) -> Response:
        asset = read_record(Asset, body.get("asset"), "asset")
        return JSONResponse(workplace.palette.take(str(body.get("effect")), asset))

    def file(project: Project, request: Request, body: Any) -> Response:
        path = project.file(request.path_params["name"])
        if path is None:
            raise HTTPException(404, "There is no such file here.")
        return _file(path)

    app = Starlette(
        routes=[
            Route("/", start),
            Route("/state", everything),
            Route("/analyse", analyse, methods=["POST"]),
            Route("/videos", upload, methods=["POST"]),
            Route("/p/{project}/", about(page)),
            Route("/p/{project}/state", about(state)),
            Route("/p/{project}/cues", about(cues, MOST_CUE_BYTES), methods=["GET", "POST"]),
            Route("/p/{project}/draft", about(draft, MOST_CUE_BYTES), methods=["POST"]),
            Route("/p/{project}/view", about(view), methods=["POST"]),
            Route("/p/{project}/render", about(render), methods=["POST"]),
            Route("/p/{project}/export", about(export), methods=["POST"]),
            Route("/p/{project}/palette", about(palette)),
            Route("/p/{project}/take", about(take), methods=["POST"]),
            Route("/p/{project}/{name:path}", about(file)),
        ],
        exception_handlers={FoleyError: _refused, HTTPException: _missing, ValueError: _malformed},
    )
    return Guard(app, token=token, port=port)


async def _json(request: Request, most: int) -> Any:
    """Read the JSON object of a request, up to a size.

    Raises:
        HTTPException: It is another type, too large, or not a JSON object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != _JSON:
        raise HTTPException(415, "Send JSON.")
    whole = bytearray()
    async for block in request.stream():
        whole += block
        if len(whole) > most:
            raise HTTPException(413, "That is too large.")
    try:
        body = json.loads(whole)
    except (ValueError, RecursionError):
        raise HTTPException(400, "That is not JSON.") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "Send a JSON object.")
    return body


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": one_line(error)}, 400)


async def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _malformed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the request has a wrong field ({one_line(error)})"}, 400)


def _page(make: Callable[[str], str], status: int = 200) -> Response:
    nonce = secrets.token_urlsafe(18)
    headers = {"Content-Security-Policy": content_policy(nonce)}
    return HTMLResponse(make(nonce).encode("utf-8", "replace"), status, headers)


def _file(path: Path) -> Response:
    """Serve a file, or the range of it that is asked for; a page in it may do nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    return FileResponse(path, headers={"Content-Security-Policy": policy})


def _start_html(nonce: str) -> str:
    return _filled("start.html", nonce=nonce)


def _wait_html(reason: str, nonce: str) -> str:
    return _filled("wait.html", nonce=nonce, reason=html.escape(reason))


def _filled(name: str, **parts: str) -> str:
    desk = resources.files("temporal_foley") / "desk"
    style = resources.files("temporal_foley") / "pages" / "review" / "style.css"
    parts["style"] = style.read_text("utf-8")
    parts["script"] = (desk / "start.js").read_text("utf-8")
    # In one pass: what is put in is not searched for more places.
    names = "|".join(parts)
    return re.sub(f"%({names})%", lambda m: parts[m[1]], (desk / name).read_text("utf-8"))
