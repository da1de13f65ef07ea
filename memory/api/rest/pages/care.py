"""Settings of the page, how the store is, and importing a file."""

from fastapi import APIRouter
from starlette.responses import Response

from memory.api.rest.pages.shell import page
from memory.api.rest.service import Asked, Reads

router = APIRouter(include_in_schema=False)


@router.get("/settings")
def settings(asked: Asked = Reads) -> Response:
    """Show how the page can be set, and how the store is."""
    stats = None if asked.is_confined else asked.memory.stats()
    faults = [fault for fault in (stats.index.fault, stats.vectors.fault) if fault] if stats else []
    from memory import __version__

    return page(asked, "settings.html", title="Settings and health", stats=stats, faults=faults, version=__version__)
