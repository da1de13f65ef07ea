-- the tokens of pieces, for late interaction: what memory/search/late.py compares; made anew from the text where they lack
create table if not exists piece_tokens (
  number integer primary key references chunk (number) on delete cascade,
  tokens blob not null
);
