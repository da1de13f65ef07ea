-- The store's own tables; tables of kinds are made from their declarations.

create table state (
  key text primary key,
  value text not null
);

create table workspace (
  number integer primary key,
  id text not null unique,
  created_at bigint not null
);

-- kinds whose tables have been made, so that a later program knows which columns to add
create table kind_table (
  kind text primary key,
  version integer not null
);

-- every write, in order; it feeds the indexes, live events and sync. Rows hold no content.
create table change (
  seq integer primary key autoincrement,
  workspace_number bigint not null,
  kind text not null,
  record_number bigint not null,
  verb text not null check (verb in ('create', 'update', 'delete', 'restore', 'forget')),
  id text,
  token bigint not null,
  at bigint not null
);

create table tombstone (
  workspace_number bigint not null references workspace (number) on delete cascade,
  kind text not null,
  id text not null,
  at bigint not null,
  primary key (workspace_number, kind, id)
);

-- how far each source file was read, with a hash of what was read
create table import_mark (
  workspace_number bigint not null references workspace (number) on delete cascade,
  path text not null,
  format text not null,
  size_bytes bigint not null,
  modified_ns bigint not null,
  offset_bytes bigint not null,
  lines bigint not null,
  state text,
  read_hash blob,
  project text,
  sessions bigint not null,
  messages bigint not null,
  problems text,
  imported_at bigint not null,
  primary key (workspace_number, path)
);

-- which sessions were seen in which source file
create table import_session (
  workspace_number bigint not null references workspace (number) on delete cascade,
  path text not null,
  session_id text not null,
  primary key (workspace_number, path, session_id)
);

-- bytes of attachments, once per content
create table blob (
  sha256 text primary key,
  encoding text not null check (encoding in ('plain', 'zlib')),
  data blob not null
);

-- pieces of the searchable text of records: `start_at` and `end_at` count characters of passage `passage`;
-- `attributes` is what the indexes filter by, packed as memory/searchable.py says; `has_vector` says
-- whether it is to be found by meaning, too
create table chunk (
  number integer primary key autoincrement,
  kind text not null,
  record_number bigint not null,
  passage integer not null,
  start_at bigint not null,
  end_at bigint not null,
  has_vector smallint not null,
  attributes blob not null
);
create index chunk_by_record on chunk (record_number, kind);

-- names of tools, as numbers that an index can filter by
create table word (
  number integer primary key,
  word text not null unique
);

-- one vector table a model: `vectors_<number>`
create table vector_model (
  number integer primary key,
  model text not null unique,
  dim integer not null
);
