"""Look the lock files up in the lists of known vulnerabilities; fail on a finding, and say if none answers.

The tool's own exit code will not do.  It is 0 where not one package was found in its data, as behind a mirror
that has the packages and not the data, and 1 where it could not ask as well as where it found something.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SERVICES = ("pypi", "osv")  # the second is asked where the first knows nothing
PATIENCE_SECONDS = 300
MOST_NAMED = 5
NO_ANSWER = re.compile(r"ConnectionError|Could not connect|Timeout|ProxyError|SSLError|HTTPError|TimedOut")


class Unreachable(Exception):
    """The service did not answer."""


@dataclass
class Audit:
    """What became of the packages of all lock files."""

    checked: int = 0
    unknown: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def look_up(self, program: Sequence[str], lock: str) -> None:
        """Ask one service after the other for a lock file, until one knows any of its packages."""
        packages: list[dict[str, Any]] = []
        for service in SERVICES:
            try:
                packages = _answer([*program, f"--vulnerability-service={service}", f"--requirement={lock}"])
            except Unreachable as trouble:
                self.troubles.append(str(trouble))
            if any("skip_reason" not in package for package in packages):
                break
        self.unknown += [package["name"] for package in packages if "skip_reason" in package]
        self.checked += sum("skip_reason" not in package for package in packages)
        self.found += [f"{lock}: {line}" for package in packages for line in _vulnerabilities(package)]

    def tell(self) -> int:
        """Print it, and return the exit code."""
        if self.found:
            print("audit: known vulnerabilities", *self.found, sep="\n  ")
            return 1
        rest = f"; {len(self.unknown)} are not in the data: {_first(self.unknown)}" if self.unknown else ""
        if self.checked:
            print(f"audit: no known vulnerability in {self.checked} packages{rest}")
        else:
            why = self.troubles[0] if self.troubles else rest.removeprefix("; ")
            print(f"audit: could not reach the data on known vulnerabilities: NOTHING WAS CHECKED ({why})")
        return 0


def _answer(command: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a service says of each package.

    Raises:
        Unreachable: it does not answer.
        SystemExit: the tool cannot be used like this.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        raise Unreachable(f"no answer within {PATIENCE_SECONDS} s") from None
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
        if NO_ANSWER.search(done.stderr):
            raise Unreachable(last) from None
        raise SystemExit(f"audit: the tool failed: {last}") from None
    return packages


def _vulnerabilities(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {one['id']},"
        f" fixed in {', '.join(one['fix_versions']) or 'no version yet'}"
        for one in package.get("vulns", ())
    ]


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")


def main() -> int:
    """Audit what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="pip-audit")
    parser.add_argument("locks", nargs="+")
    parser.add_argument("--ignore-vuln", action="append", default=[], metavar="ID")
    told = parser.parse_args()
    options = ["--format=json", "--progress-spinner=off", "--disable-pip", "--require-hashes"]
    audit = Audit()
    for lock in told.locks:
        audit.look_up([told.program, *options, *(f"--ignore-vuln={one}" for one in told.ignore_vuln)], lock)
    return audit.tell()


if __name__ == "__main__":
    raise SystemExit(main())
