"""Projects: found by id, name, alias or path, and made when they are absent."""

from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from memory.collections.collection import Collection
from memory.collections.git import checkout_of, remote_name, remote_of
from memory.errors import InvalidInput, UnknownRecord
from memory.kinds.project import Project
from memory.store.narrowing import MOST_PARENTS
from memory.store.records import Where

MOST_MOVED = 1_000_000
"""Sessions of one project that are moved to another."""


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
            found = self.find(checkout_of(project)) or self._nearest(project)
        return found

    def ensure(self, project: str, remote: str | None = None) -> Project:
        """Find a project by id, name, alias or path, or make it.

        A path such as `web/api` is made below `web`. A directory gets the name of its git checkout, where it is in
        one, else its own; a directory below another project's is made below that one. A checkout whose remote is known
        is the project of that remote, wherever it lies: in another directory, or on another machine.

        Args:
            project: An id, a name, an alias, a path or a directory.
            remote: The address of the checkout's remote, where the caller knows it; else it is read from the checkout.

        Raises:
            InvalidInput: The path has more than 64 parts.
        """
        if not isinstance(project, str):
            raise InvalidInput(f"project is {project!r}; give an id, an alias or a path")
        if project.count("/") > MOST_PARENTS:
            raise InvalidInput(f"a project's path has at most {MOST_PARENTS} parts, not {project.count('/') + 1}")
        found = self.find(project)
        if found is None:
            with self._store.transaction():
                # others may have made it since
                return self.find(project) or self._make(project, remote)
        address = remote_name(remote) if remote else None
        if address and self.find(address) is None:
            return self.add_alias(found.id, address)
        return found

    def _make(self, project: str, remote: str | None) -> Project:
        if _is_directory(project):
            return self._ensure_directory(project, remote)
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

    def merge(self, project: str, other: str) -> Project:
        """Make two projects one: all that lies in the other moves, and its names and paths become aliases.

        Raises:
            UnknownRecord: One of the two is not known.
            InvalidInput: They are the same, or one lies below the other.
        """
        with self._store.transaction():
            kept, gone = (self._known(each) for each in (project, other))
            if kept.id == gone.id:
                raise InvalidInput(f"{project!r} and {other!r} are one project already")
            numbers = {each.id: self._store.records.number("project", each.id) or 0 for each in (kept, gone)}
            below = self._store.narrowing.projects_below
            if numbers[kept.id] in below(gone.id) or numbers[gone.id] in below(kept.id):
                raise InvalidInput(
                    f"{project!r} and {other!r} lie one below the other; only projects side by side are merged"
                )
            for kind, field in (("session", "project_id"), ("learning", "project_id"), ("project", "parent_id")):
                where = Where(f"{{t}}.{field.replace('_id', '_number')} = ?", (numbers[gone.id],))
                for _, record in self._store.records.select(kind, where, limit=MOST_MOVED):
                    self._saver.update(kind, record.id, {field: kept.id})
            self.delete(gone.id, hard=True)
            names = [gone.name, *([gone.path] if gone.path else []), *gone.aliases]
            new = [each for each in dict.fromkeys(names) if each not in {*kept.aliases, kept.name, kept.path}]
            return self.update(kept.id, aliases=[*kept.aliases, *new])

    def _known(self, project: str) -> Project:
        if (found := self.find(project)) is None:
            raise UnknownRecord(f"there is no project {project!r}; `hark projects` lists them")
        return found

    def _ensure_directory(self, directory: str, remote: str | None) -> Project:
        root = checkout_of(directory)
        address = remote_name(remote) if remote else remote_of(root)
        known = self.find(root) if root != directory else None
        if known is None and address:
            known = self.find(address)
        new = [each for each in (directory, root, address) if each]
        if known is not None:
            there = {*known.aliases, known.path}
            more = [each for each in dict.fromkeys(new) if each not in there]
            return self.update(known.id, aliases=[*known.aliases, *more]) if more else known
        parent = self._nearest(root)
        aliases = [each for each in dict.fromkeys(new) if each != root]
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
