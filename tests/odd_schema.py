"""A PostgreSQL schema of all that is odd beside `nasty_schema`, made by nobody who had this package in mind."""

from __future__ import annotations

ODD = r"""
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.ledger (id int PRIMARY KEY, what text);
INSERT INTO elsewhere.ledger VALUES (1, 'x');
CREATE TYPE "Weekday" AS ENUM ('Mon', 'Tue', 'Wed');
CREATE DOMAIN zip AS varchar(5) CHECK (VALUE ~ '^[0-9]{5}$');
CREATE DOMAIN percent AS smallint DEFAULT 0 NOT NULL CHECK (VALUE BETWEEN 0 AND 100);
CREATE FUNCTION is_even(n integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n % 2 = 0';
CREATE SEQUENCE invoice_no START WITH 5000 INCREMENT BY 10 MINVALUE 1000;

CREATE TABLE "User" (
  "userID" integer GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 10) PRIMARY KEY,
  "order" text NOT NULL, "group" "Weekday" NOT NULL DEFAULT 'Mon', zip zip, share percent,
  login text NOT NULL, ip inet, mac macaddr, token uuid NOT NULL DEFAULT gen_random_uuid(),
  bits bit(4), flags bit varying(8), words tsvector, span int4range, during tstzrange,
  took interval, opens time NOT NULL DEFAULT '08:00', seen timestamptz, exact numeric(30,10), odd numeric,
  raw bytea, doc jsonb NOT NULL DEFAULT '{}', tags text[] NOT NULL DEFAULT '{}', nums integer[], grid integer[][],
  xmlish xml, place point, cash money, "a""b" text, "sp ace" text, "umläut" text,
  boss integer REFERENCES "User" ("userID") ON DELETE SET NULL,
  upper_login text GENERATED ALWAYS AS (upper(login)) STORED,
  CONSTRAINT "Log in" UNIQUE (login) DEFERRABLE INITIALLY DEFERRED,
  CHECK (length(login) BETWEEN 2 AND 40),
  CHECK (opens < '20:00'),
  CHECK (CASE WHEN "group" = 'Mon' THEN share <= 50 ELSE true END),
  CHECK ("order" <> '')
);
COMMENT ON TABLE "User" IS 'who may log in; it''s "people"';
COMMENT ON COLUMN "User"."order" IS 'not a verb';
CREATE UNIQUE INDEX user_lower ON "User" (lower(login));
CREATE UNIQUE INDEX one_mon ON "User" (zip) WHERE "group" = 'Mon' AND zip IS NOT NULL;
CREATE INDEX user_gin ON "User" USING gin (doc);
CREATE INDEX user_desc ON "User" (seen DESC NULLS LAST) INCLUDE (login);
CREATE TABLE profile ("userID" integer PRIMARY KEY REFERENCES "User" ON DELETE CASCADE, bio varchar(200));
CREATE TABLE area (country char(2), no smallint, label text, PRIMARY KEY (country, no));
CREATE TABLE area_fact (country char(2), no smallint, fact text NOT NULL, PRIMARY KEY (country, no),
  FOREIGN KEY (country, no) REFERENCES area (country, no) ON UPDATE CASCADE);
CREATE TABLE bill (
  id bigserial PRIMARY KEY, no bigint NOT NULL UNIQUE DEFAULT nextval('invoice_no'),
  payer integer NOT NULL REFERENCES "User", payee integer REFERENCES "User", approver integer REFERENCES "User",
  net numeric(12,2) NOT NULL CHECK (net > 0), vat numeric(12,2) NOT NULL DEFAULT 0,
  gross numeric(12,2) GENERATED ALWAYS AS (net + vat) STORED,
  state text NOT NULL CHECK (state IN ('open', 'paid', 'void')), issued date NOT NULL, paid date,
  even_no integer CHECK (is_even(even_no)), code text CHECK (code ~ '^[A-Z]{2}-\d{3}$'),
  CHECK (paid IS NULL OR paid >= issued), CHECK (state <> 'paid' OR paid IS NOT NULL),
  CHECK (payer <> payee), CHECK (vat >= 0 AND vat <= net)
);
CREATE UNIQUE INDEX one_open ON bill (payer) WHERE state = 'open';
CREATE TABLE seat (room integer NOT NULL, during int4range NOT NULL, EXCLUDE USING gist (during WITH &&));
CREATE TABLE reading (at date NOT NULL, sensor integer NOT NULL, value double precision, PRIMARY KEY (at, sensor)) PARTITION BY RANGE (at);
CREATE TABLE reading_2023 PARTITION OF reading FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE reading_2024 PARTITION OF reading FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX reading_sensor ON reading (sensor);
CREATE UNLOGGED TABLE scratch (id smallserial PRIMARY KEY, note text);
CREATE TABLE parent_empty (id int PRIMARY KEY);
CREATE TABLE child_empty (id int PRIMARY KEY, p int REFERENCES parent_empty);
CREATE TABLE hen (id int PRIMARY KEY, egg int NOT NULL);
CREATE TABLE egg (id int PRIMARY KEY, hen int NOT NULL REFERENCES hen DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE nokey (a int, b text);
CREATE TABLE no_column ();
CREATE VIEW "Open Bills" AS SELECT b.id, u.login FROM bill b JOIN "User" u ON u."userID" = b.payer WHERE state = 'open';
CREATE MATERIALIZED VIEW sums AS SELECT payer, sum(gross) AS total FROM bill GROUP BY payer;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := coalesce(NEW.note, 'x'); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE INSERT ON scratch FOR EACH ROW EXECUTE FUNCTION touch();
"""
ROWS = r"""
BEGIN;
INSERT INTO "User" ("order", "group", zip, share, login, ip, mac, bits, flags, words, span, during, took, opens, seen, exact, odd, raw, doc, tags, nums, grid, xmlish, place, cash, "a""b", "sp ace", boss)
SELECT 'o' || i, (ARRAY['Mon','Tue','Wed'])[1 + i % 3]::"Weekday", lpad(i::text, 5, '0'), i % 50, 'login' || i, ('10.0.0.' || i)::inet,
  '08:00:2b:01:02:03', B'1010', B'101', to_tsvector('a fat cat ' || i), int4range(i, i + 5), tstzrange('2024-01-01', '2024-02-01'), make_interval(hours => i),
  make_time(8 + i % 10, 0, 0), '2024-01-01 00:00Z'::timestamptz + make_interval(hours => i), i * 1.0000000001, i / 7.0, decode(lpad(to_hex(i), 4, '0'), 'hex'),
  jsonb_build_object('i', i), ARRAY['t' || i % 3], ARRAY[i, i + 1], ARRAY[[i, 1], [2, 3]], '<a/>', point(i, 1), i::money, 'q', 's', CASE WHEN i > 5 THEN 1000 + 10 * (i % 5) END
FROM generate_series(1, 60) i;
INSERT INTO profile SELECT "userID", 'bio ' || "userID" FROM "User" WHERE "userID" % 20 = 0;
INSERT INTO area SELECT c, n, 'l' FROM unnest(ARRAY['DE','FR','KR']) c, generate_series(1, 8) n;
INSERT INTO area_fact SELECT country, no, 'fact' FROM area WHERE no < 5;
INSERT INTO bill (payer, payee, net, vat, state, issued, paid, even_no, code)
SELECT 1000 + 10 * (i % 60), 1000 + 10 * ((i + 7) % 60), 10 + i, i % 5, CASE WHEN i < 60 THEN 'open' ELSE 'paid' END, date '2024-01-01' + i, CASE WHEN i >= 60 THEN date '2024-01-05' + i END, i * 2, 'AB-' || lpad(i::text, 3, '0')
FROM generate_series(0, 199) i;
INSERT INTO seat SELECT 1, int4range(i * 10, i * 10 + 5) FROM generate_series(1, 30) i;
INSERT INTO reading SELECT date '2023-01-01' + i * 7, s, i + s FROM generate_series(0, 99) i, generate_series(1, 3) s;
INSERT INTO scratch (note) SELECT 'n' || i FROM generate_series(1, 40) i;
INSERT INTO hen SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO egg SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO nokey SELECT i % 3, 'b' || i % 2 FROM generate_series(1, 30) i;
COMMIT;
"""
