-- The call business: tables, version triggers, row-level security, publication. Safe to run again and again.

create or replace function sandbox.touch() returns trigger language plpgsql as $$
begin
  -- The conflict token: whatever the writer sends, an update raises it by one.
  new.version := old.version + 1;
  new.updated_at := clock_timestamp();
  return new;
end $$;

create or replace function sandbox.mask_phone(number text) returns text language sql immutable parallel safe as $$
  select case
    when number is null then null
    when length(regexp_replace(number, '\D', '', 'g')) < 7 then '•••'
    else '+1 ••• ••• ' || right(regexp_replace(number, '\D', '', 'g'), 4)
  end
$$;

-- Who asks. `app_metadata` can only be set by whoever signs the token.
create or replace function sandbox.is_manager() returns boolean language sql stable as $$
  select coalesce(auth.jwt() -> 'app_metadata' ->> 'role' = 'manager', false)
$$;
create or replace function sandbox.buyer_id() returns uuid language sql stable as $$
  select nullif(auth.jwt() -> 'app_metadata' ->> 'buyer_id', '')::uuid
$$;
grant usage on schema sandbox to anon, authenticated, service_role;
grant execute on all functions in schema sandbox to anon, authenticated, service_role;

create table if not exists public.campaigns (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  vertical text,
  status text not null default 'active' check (status in ('active', 'paused', 'archived')),
  default_payout numeric(10,2) not null default 0,
  conversion_seconds integer not null default 90,
  rtb_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table if not exists public.publishers (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  sub_id text,
  status text not null default 'active' check (status in ('active', 'paused', 'archived')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table if not exists public.buyers (
  id uuid primary key default gen_random_uuid(),
  company_name text not null,
  status text not null default 'active' check (status in ('active', 'paused', 'archived')),
  credit_limit numeric(12,2) not null default 0,
  balance numeric(12,2) not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table if not exists public.targets (
  id uuid primary key default gen_random_uuid(),
  buyer_id uuid references public.buyers on delete cascade,
  campaign_id uuid references public.campaigns on delete cascade,
  name text not null,
  status text not null default 'active' check (status in ('active', 'paused', 'capped')),
  priority integer not null default 1,
  weight integer not null default 1,
  base_bid numeric(10,2) not null default 0,
  min_bid numeric(10,2) not null default 0,
  max_bid numeric(10,2) not null default 0,
  bid_modifier_pct numeric(6,2) not null default 0,
  concurrency_cap integer,
  daily_cap integer,
  live_calls integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1,
  check (min_bid <= max_bid)
);

create table if not exists public.agents (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  buyer_id uuid references public.buyers on delete cascade,
  state text not null default 'offline' check (state in ('offline', 'available', 'on_call', 'acw', 'break')),
  state_since timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table if not exists public.calls (
  id uuid primary key default gen_random_uuid(),
  campaign_id uuid references public.campaigns on delete set null,
  publisher_id uuid references public.publishers on delete set null,
  target_id uuid references public.targets on delete set null,
  buyer_id uuid references public.buyers on delete set null,
  agent_id uuid references public.agents on delete set null,
  winning_bid_id uuid,
  direction text not null default 'inbound' check (direction in ('inbound', 'outbound')),
  caller_number text,
  caller_masked text generated always as (sandbox.mask_phone(caller_number)) stored,
  caller_key text,
  caller_state text,
  -- No check: an unknown status is for the reader to cope with, as it comes from a carrier.
  status text not null default 'queued',
  status_raw text,
  queued_at timestamptz,
  ringing_at timestamptz,
  connected_at timestamptz,
  ended_at timestamptz,
  connected_seconds integer,
  ended_by text,
  is_duplicate boolean not null default false,
  is_converted boolean not null default false,
  revenue numeric(10,2) not null default 0,
  payout numeric(10,2) not null default 0,
  telco_cost numeric(10,4) not null default 0,
  profit numeric(12,4) generated always as (revenue - payout - telco_cost) stored,
  disposition text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1,
  constraint calls_ended_is_terminal check (
    ended_at is null or status not in ('queued', 'initiated', 'ringing', 'in-progress')
  )
);

create table if not exists public.bids (
  id uuid primary key default gen_random_uuid(),
  campaign_id uuid references public.campaigns on delete set null,
  target_id uuid references public.targets on delete set null,
  buyer_id uuid references public.buyers on delete set null,
  request_id uuid,
  call_id uuid references public.calls on delete cascade,
  amount numeric(10,2) not null default 0,
  adjusted_amount numeric(10,2),
  status text not null default 'pending' check (status in ('pending', 'accepted', 'rejected', 'expired')),
  reject_reason text,
  is_winning boolean not null default false,
  responded_ms integer,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table if not exists public.alerts (
  id uuid primary key default gen_random_uuid(),
  severity text not null default 'info' check (severity in ('info', 'warning', 'critical')),
  rule text,
  entity_type text,
  entity_id uuid,
  message text not null,
  value numeric,
  threshold numeric,
  fired_at timestamptz not null default now(),
  acknowledged_at timestamptz,
  acknowledged_by text,
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table if not exists public.payments (
  id uuid primary key default gen_random_uuid(),
  buyer_id uuid references public.buyers on delete set null,
  publisher_id uuid references public.publishers on delete set null,
  direction text not null check (direction in ('receivable', 'payable')),
  amount numeric(12,2) not null,
  currency text not null default 'USD',
  status text not null default 'draft' check (status in ('draft', 'invoiced', 'paid', 'disputed')),
  confirmed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

-- The tables of the clients' own examples.
create table if not exists public.todos (
  id bigint generated by default as identity primary key,
  title text,
  done boolean default false,
  user_id uuid
);
create table if not exists public.messages (
  id uuid primary key default gen_random_uuid(),
  room text not null default 'lobby',
  username text not null default 'anonymous',
  content text not null,
  created_at timestamptz default now()
);

create index if not exists calls_created_at on public.calls (created_at desc, id);
create index if not exists calls_live on public.calls (created_at) where ended_at is null;
create index if not exists calls_campaign on public.calls (campaign_id, created_at desc);
create index if not exists calls_buyer on public.calls (buyer_id, created_at desc);
create index if not exists bids_call on public.bids (call_id);
create index if not exists bids_created_at on public.bids (created_at desc, id);
create index if not exists bids_buyer on public.bids (buyer_id, created_at desc);
-- One winning bid a request, whoever writes.
create unique index if not exists bids_one_winner on public.bids (request_id) where is_winning;
create index if not exists alerts_fired_at on public.alerts (fired_at desc);
create index if not exists payments_created_at on public.payments (created_at desc);
-- The audit of a followed table asks for count and max(version or updated_at).
create index if not exists calls_updated_at on public.calls (updated_at);

do $$
declare
  name text;
  business text[] := array['campaigns', 'publishers', 'buyers', 'targets', 'agents', 'calls', 'bids', 'alerts', 'payments'];
  example text[] := array['todos', 'messages'];
begin
  foreach name in array business loop
    execute format('create or replace trigger touch before update on public.%I for each row execute function sandbox.touch()', name);
    execute format('alter table public.%I enable row level security', name);
    -- Supabase grants everything to everybody and leaves the rest to policies; here anon's columns are granted one by one.
    execute format('revoke all on public.%I from anon', name);
    execute format('grant select, insert, update, delete on public.%I to authenticated', name);
    execute format('drop policy if exists manager_all on public.%I', name);
    execute format('create policy manager_all on public.%I to authenticated using ((select sandbox.is_manager())) with check ((select sandbox.is_manager()))', name);
  end loop;
  foreach name in array example loop
    execute format('alter table public.%I enable row level security', name);
    execute format('grant select, insert, update, delete on public.%I to anon, authenticated', name);
    execute format('drop policy if exists everyone on public.%I', name);
    execute format('create policy everyone on public.%I to anon, authenticated using (true) with check (true)', name);
  end loop;
  foreach name in array business || example loop
    execute format('grant all on public.%I to service_role', name);
    if not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = name) then
      execute format('alter publication supabase_realtime add table public.%I', name);
    end if;
  end loop;
end $$;
grant usage, select on all sequences in schema public to anon, authenticated, service_role;

-- What a call tracker on a wall may show to anybody: names, states and masked calls; no caller's number, no terms.
grant select (id, name, vertical, status, conversion_seconds, rtb_enabled, created_at, updated_at, version) on public.campaigns to anon;
grant select (id, name, status, created_at, updated_at, version) on public.publishers to anon;
grant select (id, company_name, created_at, updated_at, version) on public.buyers to anon;
grant select (id, buyer_id, campaign_id, name, status, created_at, updated_at, version) on public.targets to anon;
grant select (id, name, buyer_id, state, state_since, created_at, updated_at, version) on public.agents to anon;
grant select (
  id, campaign_id, publisher_id, target_id, buyer_id, agent_id, winning_bid_id, direction, caller_masked, caller_key, caller_state,
  status, status_raw, queued_at, ringing_at, connected_at, ended_at, connected_seconds, ended_by, is_duplicate, is_converted,
  revenue, payout, telco_cost, profit, disposition, created_at, updated_at, version
) on public.calls to anon;

do $$
declare name text;
begin
  foreach name in array array['campaigns', 'publishers', 'buyers', 'targets', 'agents', 'calls'] loop
    execute format('drop policy if exists anon_reads on public.%I', name);
    execute format('create policy anon_reads on public.%I for select to anon using (true)', name);
  end loop;
  -- A buyer that has signed in: the names around its calls, and of the rest its own rows only.
  foreach name in array array['campaigns', 'publishers'] loop
    execute format('drop policy if exists buyer_reads on public.%I', name);
    execute format('create policy buyer_reads on public.%I for select to authenticated using ((select sandbox.buyer_id()) is not null)', name);
  end loop;
  foreach name in array array['targets', 'agents', 'calls', 'bids', 'payments'] loop
    execute format('drop policy if exists buyer_reads on public.%I', name);
    execute format('create policy buyer_reads on public.%I for select to authenticated using (buyer_id = (select sandbox.buyer_id()))', name);
  end loop;
end $$;
drop policy if exists buyer_reads on public.buyers;
create policy buyer_reads on public.buyers for select to authenticated using (id = (select sandbox.buyer_id()));
