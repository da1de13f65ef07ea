"""Signing in: a token becomes a cookie that only this service is sent, and that no script can read."""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, Response

from memory.api.rest.problems import Problem
from memory.api.rest.service import COOKIE
from memory.api.web.views import HEADERS, render
from memory.care.access import Tokens

router = APIRouter(include_in_schema=False)
_OWN = re.compile(r"/(?![/\\])[^\x00-\x20\x7f]*")
"""An address of this service, as it stands behind `next`."""
COOKIE_SECONDS = 90 * 24 * 3600
"""How long a browser keeps it; the token may run out before. Untuned."""


class Secret(BaseModel):
    """What is sent to sign in."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=500)


@router.get("/signin")
def form(next: Annotated[str, Query(max_length=8_192)] = "/") -> Response:
    """Ask for a token."""
    # a browser takes a backslash for a slash, and leaves tabs and line ends out
    place = next if _OWN.fullmatch(next) else "/"
    return HTMLResponse(render("signin.html", title="Sign in", next=place), headers=HEADERS)


@router.post("/signin", status_code=204)
def sign_in(body: Secret, request: Request) -> Response:
    """Take a token."""
    if Tokens(request.app.state.service.memory.store).caller(body.token.strip()) is None:
        raise Problem(401, "unknown_token", "the token is unknown, revoked, or has run out")
    response = Response(status_code=204, headers=HEADERS)
    response.set_cookie(
        COOKIE,
        body.token.strip(),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/signout", status_code=204)
def sign_out() -> Response:
    """Forget the token."""
    response = Response(status_code=204, headers=HEADERS)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
