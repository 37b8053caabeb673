"""The verdict on a login, as text or JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from zato_sso_reset.domain.gates import Gate, State
from zato_sso_reset.text import printable, quoted

KEYS = ("name", "state", "reason", "code", "remedy")

LONGEST = 2000  # characters of an escaped line


@dataclass(frozen=True)
class Verdict:
    """The gates of a login, in their order, and what they amount to."""

    username: str
    gates: Sequence[Gate]

    @property
    def closed(self) -> Gate | None:
        """The first closed gate, which answers the client."""
        return next((gate for gate in self.gates if gate.state is State.CLOSED), None)

    @property
    def code(self) -> str | None:
        """The status code that the client gets: that of the closed gate, or else that of a warning."""
        if self.closed:
            return self.closed.code
        return next((gate.code for gate in self.gates if gate.code), None)

    def as_json(self) -> str:
        """Return a JSON object and a line end."""
        gates = [{key: getattr(gate, key) for key in KEYS} for gate in self.gates]
        verdict = State.CLOSED if self.closed else State.OPEN
        record = {"username": self.username, "verdict": verdict, "code": self.code, "gates": gates}
        return json.dumps(record) + "\n"

    def as_text(self) -> str:
        """Return a line for each gate, remedies below those that are closed, and the verdict."""
        lines = chain(*map(self._lines, self.gates), [self._sentence()])
        return "".join(f"{printable(line, LONGEST)}\n" for line in lines)

    def _lines(self, gate: Gate) -> Iterator[str]:
        width = max(len(each.name) for each in self.gates)
        mark = ">" if gate is self.closed else " "
        code = f" [{gate.code}]" if gate.code else ""
        yield f"{mark} {gate.name:{width}}  {gate.state.value:7}  {gate.reason}{code}"
        if gate.state is State.CLOSED and gate.remedy:
            yield f"  {'':{width}}  {'':7}  {gate.remedy}"

    def _sentence(self) -> str:
        name = quoted(self.username)
        if self.closed:
            answer = f"with {self.code}" if self.code else "with an error"
            return f"The server refuses {name} {answer}: {self.closed.reason}"
        unknown = [gate.name for gate in self.gates if gate.state is State.UNKNOWN]
        warning = f", and warns with {self.code}" if self.code else ""
        condition = f" Not checked: {', '.join(unknown)}." if unknown else ""
        return f"The server lets {name} in{warning}.{condition}"
