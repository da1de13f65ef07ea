-- what imported files held, in pieces, with the secrets taken out, compressed with zstd
create table kept_source (
  workspace_number bigint not null references workspace (number) on delete cascade,
  path text not null,
  start_at bigint not null,
  size_bytes bigint not null,
  data blob not null,
  primary key (workspace_number, path, start_at)
);
