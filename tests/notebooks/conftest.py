"""A sandbox with a morning's calls in it and more coming in, for the notebooks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from livewidgets.sandbox.launcher import SandboxInfo, launch, play, stop
from livewidgets.testing import wait_until

ENOUGH = "select from calls having count(*) >= 150"

#: The two edits of a race in ``explore`` are to meet: the first stays open until the second waits behind it (within the
#: time that a request has), else a kernel that is held for a moment makes the second on what the first has written.
#: And the traffic, which touches the same rows, leaves alone what the notebook writes.
RACES = """
create function public.let_them_meet() returns trigger language plpgsql as $$
declare
  ends timestamptz := clock_timestamp() + interval '6 seconds';
  traffic integer[] := array(select pid from pg_stat_activity where application_name = 'livewidgets sandbox: traffic');
begin
  if current_user = session_user then
    new.bid_modifier_pct := old.bid_modifier_pct;
    return new;
  end if;
  while clock_timestamp() < ends
    and not exists (select from pg_locks where not granted and pid <> all (traffic))
  loop
    perform pg_sleep(0.01);
  end loop;
  return new;
end $$;
create trigger let_them_meet before update of bid_modifier_pct on public.targets for each row
  when (current_user = session_user or new.bid_modifier_pct in (11, 12, 30, 40))
  execute function public.let_them_meet();
"""


@pytest.fixture(scope="package")
def busy_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInfo]:
    info = launch(tmp_path_factory.mktemp("busy-sandbox"), speed=200, timeout=60)
    try:
        with psycopg.connect(info.dsn, autocommit=True) as db:
            wait_until(lambda: db.execute(ENOUGH).rowcount, 60, "calls")
            db.execute(RACES)
        play(info, speed=10)
        yield info
    finally:
        stop(info)
