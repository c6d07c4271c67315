"""Locks in the child of a fork.

A fork copies every lock as it is, but only the thread that forks: a lock that another thread held
stays shut in the child for ever.
"""

from __future__ import annotations

import os
import threading
from weakref import WeakKeyDictionary

__all__ = ["renew_in_child"]

_owners: WeakKeyDictionary[object, str] = WeakKeyDictionary()


def renew_in_child(owner: object, name: str) -> None:
    """Give an object a fresh lock in every process that is forked from now on.

    What the lock guards must be usable at any point where Python switches threads: the child sees
    it as it was.

    Args:
        owner: An object or module, one lock each; kept alive by others.
        name: The attribute that holds the lock, a `threading.RLock`.
    """
    _owners[owner] = name


def _renew() -> None:
    for owner, name in list(_owners.items()):
        setattr(owner, name, threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
