-- what the service needs: how far a streamed message had come with each change, who may do what, who did what

alter table change add column status text;
alter table change add column length bigint;

-- a token is kept as its hash alone; one with a session is a link to read that session
create table token (
  number integer primary key,
  id text not null unique,
  hash text not null unique,
  name text not null,
  role text not null check (role in ('reader', 'writer', 'admin')),
  workspace_number bigint not null references workspace (number) on delete cascade,
  projects text,
  session_id text,
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint
);

-- who read, wrote, exported, erased what, and what was refused: ids and counts, never content; each row proves the one before
create table audit (
  seq integer primary key autoincrement,
  workspace_number bigint,
  at bigint not null,
  who text not null,
  what text not null,
  target text,
  outcome text not null,
  count bigint,
  chain text not null
);

-- answers to writes that a client may send again
create table idempotency (
  key text primary key,
  request text not null,
  status integer not null,
  answer text not null,
  at bigint not null
);
