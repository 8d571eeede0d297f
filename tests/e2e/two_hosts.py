"""Two hosts on one machine: network namespaces with a switch between them, whose cable can be pulled. Needs root."""
import os
import subprocess
import sys

SKIPPED = 77


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


class TwoHosts:
    ADDRESSES = ("10.77.0.1", "10.77.0.2")

    def __init__(self) -> None:
        tag = f"slw{os.getpid()}"
        self.names, self.switch = [f"{tag}a", f"{tag}b"], f"{tag}s"

    def __enter__(self) -> "TwoHosts":
        try:
            self._make()
        except (OSError, subprocess.CalledProcessError) as problem:
            self.remove()
            print(f"skipped: no network namespaces here ({problem})")
            sys.exit(SKIPPED)
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _make(self) -> None:
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")
        for i, host in enumerate(self.names):
            ip("netns", "add", host)
            ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", f"port{i}", "netns", self.switch)
            ip("-n", self.switch, "link", "set", f"port{i}", "master", "br0", "up")
            ip("-n", host, "address", "add", f"{self.ADDRESSES[i]}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")

    def remove(self) -> None:
        for name in [*self.names, self.switch]:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)

    def command_on(self, host: int) -> list[str]:
        """What stands before a command to run it there; the process has the command's number."""
        return ["ip", "netns", "exec", self.names[host]]

    def set_link(self, state: str) -> None:
        """The cable of the second host: up or down."""
        ip("-n", self.switch, "link", "set", "port1", state)
