"""The page's own files."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from memory.api.web.own_files import PREFIX, asset, version

router = APIRouter(include_in_schema=False)


@router.get(PREFIX + "/{digest}/{name}")
def file(digest: str, name: str) -> Response:
    """Give a file; one that is asked for under another version than this is not kept by the browser."""
    found = asset(name)
    if found is None:
        return PlainTextResponse("there is no such file; load the page again", 404)
    keep = "public, max-age=31536000, immutable" if digest == version() else "no-store"
    headers = {
        "Cache-Control": keep,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(found.data, media_type=found.media_type, headers=headers)
