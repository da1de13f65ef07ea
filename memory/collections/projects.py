"""Projects: found by id, name, alias or path, and made when they are absent."""

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from memory.collections.collection import Collection
from memory.errors import InvalidInput
from memory.kinds.project import Project
from memory.store.narrowing import MOST_PARENTS
from memory.store.records import Where


class Projects(Collection[Project]):
    """The projects of one workspace."""

    def find(self, project: str) -> Project | None:
        """Find a project by id, name, alias or path; None when there is none."""
        wanted = project.rstrip("/") or project
        where = Where(
            "{t}.deleted_at is null and (? in ({t}.id, {t}.name, {t}.path)"
            " or exists (select 1 from json_each({t}.aliases) where value = ?))",
            (wanted, wanted),
        )
        found = self._store.records.select("project", where, limit=20)
        known = [record for _, record in found if isinstance(record, Project)]
        # an id before a name before an alias
        return min(known, key=lambda each: (each.id != wanted, each.name != wanted), default=None)

    def nearest(self, project: str) -> Project | None:
        """Find a project to narrow by: as `find` does, or else the one whose checkout or directory a path lies in."""
        found = self.find(project)
        if found is None and _is_directory(project):
            found = self.find(_checkout(project)) or self._nearest(project)
        return found

    def ensure(self, project: str) -> Project:
        """Find a project by id, name, alias or path, or make it.

        A path such as `web/api` is made below `web`. A directory gets the name of its git checkout, where it is in
        one, else its own; a directory below another project's is made below that one.

        Raises:
            InvalidInput: The path has more than 64 parts.
        """
        if not isinstance(project, str):
            raise InvalidInput(f"project is {project!r}; give an id, an alias or a path")
        if project.count("/") > MOST_PARENTS:
            raise InvalidInput(f"a project's path has at most {MOST_PARENTS} parts, not {project.count('/') + 1}")
        if found := self.find(project):
            return found
        with self._store.transaction():
            # others may have made it since
            return self.find(project) or self._make(project)

    def _make(self, project: str) -> Project:
        if _is_directory(project):
            return self._ensure_directory(project)
        name = project.strip("/") or project
        parent = name.rpartition("/")[0]
        return self.create(name=name, parent_id=self.ensure(parent).id if parent else None)

    def update(self, id: str, /, **fields: Any) -> Project:
        """Change fields of a project; a former name stays as an alias.

        Raises:
            InvalidInput: A field is unknown, or the project would lie below itself.
            UnknownRecord: There is no such project.
        """
        with self._store.transaction():
            before = self._existing(id)
            if "name" in fields and fields["name"] != before.name:
                known = fields.get("aliases", before.aliases)
                fields["aliases"] = [*known, *([before.name] if before.name not in known else [])]
            changed = super().update(id, **fields)
            above = changed.parent_id
            for _ in range(MOST_PARENTS):
                if above == id:
                    raise InvalidInput(f"project {changed.name!r} cannot lie below itself; give another parent")
                above = getattr(self.get(above), "parent_id", None) if above else None
            return changed

    def numbers_below(self, project: str) -> list[int]:
        """Give the numbers of a project and of all below it; [] when it is not known."""
        found = self.nearest(project)
        if found is None:
            return []
        return self._store.narrowing.projects_below(found.id)

    def add_alias(self, project: str, alias: str) -> Project:
        """Let a project be known by another name or path, too."""
        found = self.ensure(project)
        if alias in found.aliases:
            return found
        return self.update(found.id, aliases=[*found.aliases, alias])

    def _ensure_directory(self, directory: str) -> Project:
        root = _checkout(directory)
        if root != directory and (found := self.find(root)):
            return self.add_alias(found.id, directory)
        aliases = [directory] if root != directory else []
        parent = self._nearest(root)
        return self.create(
            name=self._free_name(root), path=root, aliases=aliases, parent_id=parent.id if parent else None
        )

    def _nearest(self, directory: str) -> Project | None:
        for above in list(_pure(directory).parents)[:-1]:
            if found := self.find(str(above)):
                return found
        return None

    def _free_name(self, directory: str) -> str:
        parts = [part for part in _pure(directory).parts if part not in ("/", "\\")]
        for count in range(1, len(parts) + 1):
            name = "/".join(parts[-count:])
            if self.find(name) is None:
                return name
        return directory

    def _prepared(self, fields: Any) -> dict[str, Any]:
        values = super()._prepared(fields)
        if "parent" in values:
            parent = values.pop("parent")
            values["parent_id"] = self.ensure(parent).id if parent else None
        return values


def _is_directory(project: str) -> bool:
    return project.startswith(("/", "~")) or PureWindowsPath(project).drive != ""


def _pure(directory: str) -> PurePosixPath | PureWindowsPath:
    return PureWindowsPath(directory) if PureWindowsPath(directory).drive else PurePosixPath(directory)


def _checkout(directory: str) -> str:
    """Give the main directory of the git checkout that a directory on this machine is in; else the directory itself."""
    here = Path(os.path.normpath(Path(directory).expanduser()))
    if str(here) != directory and not directory.startswith("~"):
        return directory
    for above in (here, *here.parents):
        git = above / ".git"
        try:
            if git.is_dir():
                return str(above)
            if git.is_file():
                return _main_checkout(git) or str(above)
        except OSError:
            return str(here)
    return str(here)


def _main_checkout(git: Path) -> str | None:
    """Read where a worktree's repository is: `gitdir: …/.git/worktrees/NAME`."""
    text = git.read_text(encoding="utf-8", errors="replace").strip()
    common, worktrees, _ = text.removeprefix("gitdir: ").rpartition("/.git/worktrees/")
    return common if worktrees else None
