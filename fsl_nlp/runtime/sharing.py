"""What several bots of a process use together: sessions and tokenizers of the same files."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar
from weakref import WeakValueDictionary

from fsl_nlp.forks import Lock

T = TypeVar("T")

_making = Lock()
_in_use: WeakValueDictionary[Hashable, object] = WeakValueDictionary()


def shared(key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gave for this key, as long as somebody uses it; later it is made again.

    A key must say everything that the result depends on, such as the sums of its files.

    >>> class Thing: ...
    >>> first = shared("a", Thing)
    >>> shared("a", Thing) is first, shared("b", Thing) is first
    (True, False)
    """
    with _making:  # two threads must not load the same hundreds of megabytes
        thing = _in_use.get(key)
        if thing is None:
            thing = _in_use[key] = make()
        return thing  # type: ignore[return-value]
