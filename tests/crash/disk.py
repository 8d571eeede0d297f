"""A disk that forgets: replays the shim's log and gives the folder as a kill or a power cut leaves it.

What is on the disk for sure is what fsync() asked for: a file's bytes as they were when it was flushed, and a folder's names as they were when
the folder was flushed. Everything else may or may not be there. Nothing is lost when only the process ends, and a power cut has three ways:

  "none"    all is there
  "all"     nothing that was not flushed is there: neither bytes nor names
  "bytes"   all names are there, bytes that were not flushed are zeros (a journal that is written before the data)
  seed      names are there up to some moment since they were last flushed (in their order, as a journal keeps it); of each file's bytes that were
            not flushed, the first so many
"""
from __future__ import annotations

import pathlib
import random

State = dict[str, bytes | str | None]  # by path, folders before what is in them: a file's bytes, where a link leads, None = a folder


class Node:
    def __init__(self, folder: bool):
        self.folder = folder
        self.names: dict[str, Node] = {}  # of a folder
        self.data = bytearray()  # of a file
        self.link: str | None = None
        self.flushed_names: dict[str, Node] = {}
        self.flushed: bytes | None = None  # None: never
        self.moment = 0  # number of the last call that changed or flushed it


def read_log(path: pathlib.Path) -> list[tuple]:
    """(verb, inode, number, bytes, bytes) of each call, in their order; a line that a kill cut off ends it."""
    out, log = [], path.read_bytes()
    at = 0
    while (end := log.find(b"\n", at)) >= 0:
        verb, inode, number, size, more = log[at:end].decode().split(" ")
        begin, at = end + 1, end + 1 + int(size) + int(more)
        if at > len(log):
            break
        out.append((verb, int(inode), int(number), log[begin:begin + int(size)], log[begin + int(size):at]))
    return out


class Disk:
    """The folder `root`, empty at first, or as `load` finds it, all of it flushed."""

    def __init__(self, root: str, load: pathlib.Path | None = None):
        self.root = root
        self.top = Node(True)
        self.inodes: dict[int, Node] = {}
        self.calls = 0
        self.history: list[tuple[Node, dict[str, Node]]] = []  # names of a folder after each change, in the order of changes
        if load is not None:
            self._load(load, self.top)

    def _load(self, path: pathlib.Path, node: Node) -> None:
        for entry in sorted(path.iterdir()):
            child = Node(entry.is_dir() and not entry.is_symlink())
            node.names[entry.name] = child
            self.inodes[entry.lstat().st_ino] = child
            if entry.is_symlink():
                child.link = str(entry.readlink())
            elif child.folder:
                self._load(entry, child)
            else:
                child.data = bytearray(entry.read_bytes())
                child.flushed = bytes(child.data)
        node.flushed_names = dict(node.names)

    def _find(self, path: bytes) -> tuple[Node, str]:
        """The folder that holds the name, and the name."""
        parts = [p for p in path.decode()[len(self.root):].split("/") if p]
        node = self.top
        for part in parts[:-1]:
            node = node.names[part]
        return node, parts[-1] if parts else ""

    def _changed(self, *folders: Node) -> None:
        for folder in folders:
            self.history.append((folder, dict(folder.names)))

    def apply(self, call: tuple) -> None:
        verb, inode, number, first, second = call
        self.calls += 1
        if verb in ("create", "mkdir", "link"):
            folder, name = self._find(first)
            if not name:
                return  # the root itself
            node = Node(verb == "mkdir")
            node.link = second.decode() if verb == "link" else None
            folder.names[name] = node
            if inode:
                self.inodes[inode] = node
            self._changed(folder)
        elif verb == "write":
            data = self.inodes[inode].data
            if len(data) < number:
                data.extend(bytes(number - len(data)))
            data[number:number + len(first)] = first
        elif verb == "truncate":
            data = self.inodes[inode].data
            del data[number:]
            data.extend(bytes(number - len(data)))
        elif verb == "sync":
            node = self.top if first.decode() == self.root else self.inodes.get(inode)
            if node is None:
                raise ValueError(f"the log flushes what it has not seen made: {first.decode()}")
            if node.folder:
                node.flushed_names = dict(node.names)
                # A journal is written in order: names that changed before are there as well.
                for folder, names in self.history:
                    folder.flushed_names = names if folder is not node else folder.flushed_names
                node.flushed_names = dict(node.names)
                self.history.clear()
            else:
                node.flushed = bytes(node.data)
        elif verb == "remove":
            folder, name = self._find(first)
            folder.names.pop(name, None)
            self._changed(folder)
        elif verb in ("rename", "exchange"):
            (a, from_name), (b, to_name) = self._find(first), self._find(second)
            node = a.names.pop(from_name)
            if verb == "exchange":
                a.names[from_name] = b.names[to_name]
            b.names[to_name] = node
            self._changed(a, b) if a is not b else self._changed(a)
        else:
            raise ValueError(f"the log holds a call that is not known: {verb}")

    def left(self, loss: str | int) -> State:
        """What is left of the folder when it ends now."""
        draw = random.Random(loss) if isinstance(loss, int) else None
        names: dict[int, dict[str, Node]] = {}
        if draw is not None:
            for node, then in self.history[: draw.randint(0, len(self.history))]:
                names[id(node)] = then

        def bytes_of(node: Node) -> bytes:
            flushed, data = node.flushed if node.flushed is not None else b"", bytes(node.data)
            if loss == "none":
                return data
            if loss == "all":
                return flushed
            if loss == "bytes":
                lost = bytes(max(0, len(data) - len(flushed)))
                return flushed + lost if data.startswith(flushed) else flushed
            if not data.startswith(flushed):
                return draw.choice([flushed, data])
            return data[: draw.randint(len(flushed), len(data))]

        def names_of(node: Node) -> dict[str, Node]:
            if loss == "all":
                return node.flushed_names
            return node.names if draw is None else names.get(id(node), node.flushed_names)

        out: State = {}

        def walk(node: Node, path: str) -> None:
            for name, child in names_of(node).items():
                out[path + name] = child.link if child.link is not None else None if child.folder else bytes_of(child)
                if child.folder:
                    walk(child, f"{path}{name}/")

        walk(self.top, "")
        return out


def torn(call: tuple) -> tuple | None:
    """The call cut off in its middle; None for one that is done whole or not at all."""
    verb, inode, number, first, second = call
    return (verb, inode, number, first[: len(first) // 2], second) if verb == "write" and len(first) > 1 else None


def lay(state: State, folder: pathlib.Path) -> None:
    """Writes it into `folder`, which is empty."""
    for name, content in state.items():
        if content is None:
            (folder / name).mkdir()
        elif isinstance(content, str):
            (folder / name).symlink_to(content)
        else:
            (folder / name).write_bytes(content)
