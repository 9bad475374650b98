"""The only folder that knows the database driver."""

from parley_common.db.calls import Calls
from parley_common.db.mongo import Database, connect

__all__ = ["Calls", "Database", "connect"]
