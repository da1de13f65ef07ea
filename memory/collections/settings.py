"""Settings kept with the store: a key, and its JSON value."""

from typing import Any

from memory.collections.collection import Collection
from memory.errors import InvalidInput
from memory.kinds.setting import Setting


class StoredSettings(Collection[Setting]):
    """The settings of one workspace."""

    def value(self, key: str, default: Any = None) -> Any:
        """Read a setting's value; the default when it is not set."""
        found = self.list(key=key, limit=1).items
        return found[0].value if found else default

    def put(self, key: str, value: Any) -> Setting:
        """Set a value, in place of the one before.

        Raises:
            InvalidInput: It is the embedder, which is chosen for all workspaces.
        """
        if key == "embedder":
            raise InvalidInput("the embedder is no setting of a workspace; call `Memory.choose_embedder`")
        with self._store.transaction():
            found = self.list(key=key, limit=1).items
            return self.update(found[0].id, value=value) if found else self.create(key=key, value=value)

    def unset(self, key: str) -> bool:
        """Remove a setting, and say whether there was one."""
        found = self.list(key=key, limit=1).items
        for setting in found:
            self.delete(setting.id, hard=True)
        return bool(found)
