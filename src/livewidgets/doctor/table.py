"""The table through REST: whether it is there, who may read it, how many of its rows, and its key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from livewidgets.core.postgrest import quoted_column
from livewidgets.doctor.case import Case, quoted
from livewidgets.doctor.finding import Finding, failed, passed, unknown
from livewidgets.errors import UnreachableError
from livewidgets.live.catalog import TableShape, read_document
from livewidgets.live.diagnosis import Reply

_NOT_THERE = ("PGRST205", "42P01")
_NOT_EXPOSED = "PGRST106"
#: Codes and statuses of a count that took too long.
_TOO_SLOW = ("57014", "PGRST003")


async def exists(case: Case) -> Finding:
    """Say whether the API shows a table of this name; the answer serves the next checks too."""
    if case.table is None:
        return no_table(case)
    questions = await case.asking()
    # Keys only, and none of them: what is in the rows is nobody's business here.
    wanted = [("select", _columns(case.shape)), ("limit", "0")]
    try:
        case.reading = await questions.get(case.table, wanted, count=True)
        if case.reading.code in _TOO_SLOW:
            case.reading = await questions.get(case.table, [*wanted[:1], ("limit", "1")])
        if case.reading.ok and case.shapes is not None and case.shape is None:
            # It was made just now: what the API tells of itself was older.
            case.shapes = _shapes(await questions.get())
    except UnreachableError as error:
        return failed(
            error.message.rstrip("."), "Try again; a very large table may need an index for its policy."
        )
    return judge_exists(case.schema, case.table, case.reading, case.shapes or ())


def no_table(case: Case) -> Finding:
    """Say which tables could be named."""
    names = ", ".join(sorted(case.shapes or ())[:8])
    return unknown("none was named", f"livewidgets doctor TABLE{f'   # there are {names}' if names else ''}")


def judge_exists(schema: str, table: str, reply: Reply, known: Iterable[str]) -> Finding:
    """Judge the answer to a read of it.

    Parameters
    ----------
    schema, table
        What was asked for.
    reply
        The answer.
    known
        The tables that this role sees.
    """
    name = f"{schema}.{table}"
    if reply.code == _NOT_EXPOSED:
        exposed = (reply.hint or reply.message).rpartition(":")[2].strip().rstrip(".")
        return failed(
            f"the API does not show the schema {schema}" + (f", only {exposed}" if exposed else ""),
            f"Project Settings, Data API, Exposed schemas: add {schema}\n"
            f"grant usage on schema {quoted(schema)} to anon, authenticated;",
        )
    if reply.code in _NOT_THERE:
        near = difflib.get_close_matches(table, [*known, *_hinted(reply.hint)], n=3, cutoff=0.5)
        if near:
            names = list(dict.fromkeys(near))
            return failed(
                f"there is no {name}; near it: {', '.join(names)}", f"livewidgets doctor {names[0]}"
            )
        others = ", ".join(sorted(known)[:8])
        return failed(
            f"there is no {name} in the API" + (f"; there are {others}" if others else ""),
            "-- check the name and the schema; for a table made just now:\nnotify pgrst, 'reload schema';",
        )
    return passed(f"{name} is in the API")


def _hinted(hint: str) -> list[str]:
    """Take the name out of ``Perhaps you meant the table 'public.calls'``."""
    _, _, rest = hint.partition("'")
    return [rest.partition("'")[0].rpartition(".")[2]] if rest else []


def readable(case: Case) -> Finding:
    """Say whether the role may read it at all."""
    if case.reading is None:
        return unknown("no table was named")
    return judge_readable(case.reading, case.sql, case.schema, case.role)


def judge_readable(reply: Reply, sql: str, schema: str, role: str) -> Finding:
    """Judge the rights by the answer to a read."""
    if reply.ok:
        return passed(f"{role} may read it")
    if reply.code == "42501":
        usage = f"grant usage on schema {quoted(schema)} to {role};\n" if "schema" in reply.message else ""
        return failed(f"{role} may not read it", f"{usage}grant select on {sql} to {role};")
    said = f"HTTP {reply.status} {reply.code}".strip()
    if reply.status >= 500:
        return failed(
            f"the database failed over it ({said})",
            "Look for a policy or view that raises: select * from the table in the SQL editor, as this role.",
        )
    return failed(f"a read was refused ({said})", "Check the key, the token and the policies of the table.")


async def rows(case: Case) -> Finding:
    """Count what this role can see, and where there is a witness, what there is."""
    reply = case.reading
    if reply is None:
        return unknown("no table was named")
    seen = reply.total
    if seen is None:
        case.rows = len(reply.body) if isinstance(reply.body, list) else None
        return judge_rows(Sight(case.rows, None, exact=False), case.sql, case.role)
    case.rows = seen
    truth = await _truth(case)
    return judge_rows(Sight(seen, truth), case.sql, case.role)


async def _truth(case: Case) -> int | None:
    if case.witness is None or case.role == "service_role" or case.table is None:
        return None
    try:
        reply = await (await case.asking(case.witness)).get(
            case.table, [("select", _columns(case.shape)), ("limit", "0")], count=True
        )
    except UnreachableError:
        return None
    return reply.total if reply.ok else None


@dataclass(frozen=True, slots=True)
class Sight:
    """How many rows the role sees, and how many there are where somebody knows.

    Attributes
    ----------
    exact
        Whether `seen` was counted; else it says no more than that there are some.
    """

    seen: int | None
    there: int | None
    exact: bool = True


def judge_rows(sight: Sight, sql: str, role: str) -> Finding:
    """Judge what of the rows can be seen."""
    seen, there = sight.seen, sight.there
    if seen is None:
        return unknown("they could not be counted")
    if seen and not sight.exact:
        return passed("there are some; too many to count in time")
    if seen:
        hidden = "" if there is None or there <= seen else f" of {there:,}: policies hide the rest"
        return passed(f"{role} sees {_count(seen)}{hidden}")
    if there or (there is None and role != "service_role"):
        what = (
            f"{role} sees none of {_count(there)}: row-level security hides them"
            if there
            else f"{role} sees none: the table is empty, or row-level security hides its rows"
        )
        return failed(what, policy(sql, role))
    return unknown("the table is empty: there is nothing to show yet", f"insert into {sql} ...", empty=True)


def policy(sql: str, role: str) -> str:
    """Write the policy that lets a role read, to be narrowed by whoever knows the data."""
    if role == "authenticated":
        return (
            f'create policy "signed in may read" on {sql}\n  for select to authenticated using (true);\n'
            "-- or what is theirs: using (user_id = (select auth.uid()))"
        )
    return (
        f'create policy "everybody may read" on {sql}\n  for select to {role} using (true);\n'
        "-- narrower than true where not every row is for everybody; or sign in"
    )


def _count(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


async def primary_key(case: Case) -> Finding:
    """Say whether rows can be told apart."""
    if case.table is None:
        return unknown("no table was named")
    shape = case.shape
    if shape is None and case.witness is not None:
        shape = await _witnessed_shape(case)
    return judge_key(shape, case.sql)


async def _witnessed_shape(case: Case) -> TableShape | None:
    if case.witness is None:
        return None
    try:
        reply = await (await case.asking(case.witness)).get()
    except UnreachableError:
        return None
    return _shapes(reply).get(case.table or "")


def _shapes(reply: Reply) -> dict[str, TableShape]:
    return read_document(reply.body) if reply.ok and isinstance(reply.body, dict) else {}


def judge_key(shape: TableShape | None, sql: str) -> Finding:
    """Judge the primary key."""
    if shape is None:
        return unknown(
            "this project tells it to secret keys only",
            f'live.table(..., key="id")   # names it; if there is none:\nalter table {sql} add primary key (id);',
        )
    if shape.key:
        return passed(", ".join(shape.key))
    if "id" in shape.types:
        return failed("there is none: rows cannot be told apart", f"alter table {sql} add primary key (id);")
    return failed(
        "there is none: rows cannot be told apart (a view has none: follow the table behind it)",
        f"alter table {sql} add column id bigint generated always as identity primary key;",
    )


def _columns(shape: TableShape | None) -> str:
    """Name the columns of the key; any column that may be read where there is none."""
    if shape is None:
        return "*"
    return ",".join(map(quoted_column, shape.key or tuple(shape.types)[:1] or ("*",)))
