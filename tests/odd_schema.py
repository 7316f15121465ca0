"""Schemas of all that is odd beside `nasty_schema`, for each kind of database."""

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

SQLITE_ODD = r"""
CREATE TABLE kv (k TEXT COLLATE NOCASE PRIMARY KEY, v ANY) WITHOUT ROWID;
CREATE TABLE strict_one (id INTEGER PRIMARY KEY AUTOINCREMENT, n INT NOT NULL, r REAL, t TEXT UNIQUE COLLATE NOCASE, b BLOB, a ANY) STRICT;
CREATE TABLE mess (id INTEGER PRIMARY KEY, whole INTEGER, price DECIMAL(8,2), flag BOOL, born DATETIME, any_thing, "group" VARCHAR(10) DEFAULT 'x', g TEXT GENERATED ALWAYS AS ("group" || '-' || id) VIRTUAL, h INT AS (whole * 2) STORED, CHECK (typeof(flag) IN ('integer','null')));
CREATE TABLE nokey (a INT, b TEXT);
CREATE TABLE self (id INTEGER PRIMARY KEY, up INTEGER REFERENCES self(id), [order] INT NOT NULL DEFAULT 1 CHECK ([order] BETWEEN 1 AND 5));
CREATE TABLE pair (a TEXT NOT NULL, b INT NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE fact (a TEXT, b INT, x REAL CHECK (x >= 0 OR x IS NULL), PRIMARY KEY (a, b), FOREIGN KEY (a, b) REFERENCES pair ON DELETE CASCADE);
CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INT NOT NULL REFERENCES egg(id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INT NOT NULL UNIQUE REFERENCES hen(id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE empty_parent (id INTEGER PRIMARY KEY); CREATE TABLE empty_child (id INTEGER PRIMARY KEY, p INT REFERENCES empty_parent);
CREATE UNIQUE INDEX nocase ON kv (v COLLATE NOCASE);
CREATE INDEX expr ON mess (abs(whole)); CREATE INDEX part ON mess (price) WHERE flag = 1;
CREATE VIEW v AS SELECT m.id, m.price FROM mess m WHERE flag = 1;
CREATE TRIGGER tr AFTER INSERT ON nokey BEGIN UPDATE nokey SET a = a WHERE 0; END;
"""
SQLITE_ODD_ROWS = r"""
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<80) INSERT INTO kv SELECT 'key'||n, 'v'||n FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<80) INSERT INTO strict_one(n,r,t,b,a) SELECT n, n/3.0, 'Text'||n, zeroblob(3), CASE WHEN n%2 THEN n ELSE 'x' END FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<80) INSERT INTO mess(id,whole,price,flag,born,any_thing) SELECT n*3, CASE WHEN n=7 THEN 'n/a' ELSE n END, n*1.25, n%2, '2024-01-01 10:00:00', CASE n%3 WHEN 0 THEN 1 WHEN 1 THEN 'a' END FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<50) INSERT INTO nokey SELECT n%4, 'b'||(n%3) FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<50) INSERT INTO self SELECT n, CASE WHEN n>3 THEN n/2 END, 1+n%5 FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<50) INSERT INTO pair SELECT 'p'||(n%5), n FROM i;
INSERT INTO fact SELECT a,b,b*1.5 FROM pair WHERE b%2;
BEGIN;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<30) INSERT INTO hen SELECT n, n FROM i;
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<30) INSERT INTO egg SELECT n, n FROM i;
COMMIT;
"""

DUCKDB_ODD = r"""
CREATE SEQUENCE ids START 10 INCREMENT BY 2;
CREATE TYPE mood AS ENUM ('sad','ok');
CREATE TABLE "Order" (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), "select" VARCHAR NOT NULL UNIQUE, m mood, d DECIMAL(30,10), h HUGEINT, u UUID, l INTEGER[], vs VARCHAR[], s STRUCT(a INTEGER, b VARCHAR), mp MAP(VARCHAR, INTEGER), iv INTERVAL, t TIME, ts TIMESTAMPTZ, j JSON, b BLOB, bt BIT, g BIGINT GENERATED ALWAYS AS (id * 2) VIRTUAL, up BIGINT REFERENCES "Order"(id), CHECK (length("select") > 1), CHECK (d IS NULL OR d >= 0));
CREATE TABLE pair (a VARCHAR, b SMALLINT, PRIMARY KEY (a, b));
CREATE TABLE fact (a VARCHAR, b SMALLINT, x DOUBLE CHECK (x BETWEEN 0 AND 100), PRIMARY KEY (a, b), FOREIGN KEY (a, b) REFERENCES pair (a, b));
CREATE TABLE hollow (id INTEGER PRIMARY KEY);
CREATE UNIQUE INDEX lows ON "Order" (lower("select"));
CREATE INDEX plain ON fact (x);
CREATE VIEW v AS SELECT id FROM "Order";
"""
DUCKDB_ODD_ROWS = r"""
INSERT INTO pair SELECT 'p'||(i%5), i FROM range(40) t(i);
INSERT INTO fact SELECT a,b,b*1.5 FROM pair WHERE b%2=0;
INSERT INTO "Order"("select",m,d,h,u,l,vs,s,mp,iv,t,ts,j,b,bt,up) SELECT 'o'||i, CASE WHEN i%2=0 THEN 'sad' ELSE 'ok' END, i*1.5, i, uuid(), [i,1], ['a'], {'a':i,'b':'x'}, MAP{'k':i}, INTERVAL 1 DAY, TIME '10:00:00', TIMESTAMPTZ '2024-01-01 00:00:00+00', '{"a":1}', 'ab'::BLOB, '101'::BIT, NULL FROM range(60) t(i);
"""

MYSQL_ODD = r"""
CREATE TABLE `Order` (`Id` int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, `select` varchar(20) NOT NULL, `group` enum('a','b') DEFAULT 'a', tags set('x','y'), price decimal(10,2) NOT NULL CHECK (price > 0), vat decimal(10,2) AS (price * 0.2) STORED, doc json, made datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), yr year, b bit(4), raw varbinary(16), t time, ts timestamp NULL, tiny tinyint(1), boss int unsigned NULL, UNIQUE KEY u (`select`), CONSTRAINT fb FOREIGN KEY (boss) REFERENCES `Order`(`Id`) ON DELETE SET NULL, CHECK (`select` REGEXP '^[a-z]{2,10}$')) COMMENT='who''s';
CREATE TABLE region (country char(2), no smallint, PRIMARY KEY (country, no));
CREATE TABLE fact (country char(2), no smallint, v double, PRIMARY KEY (country, no), FOREIGN KEY (country, no) REFERENCES region(country, no) ON UPDATE CASCADE);
CREATE TABLE fk_target (id int PRIMARY KEY);
CREATE TABLE twin (id int PRIMARY KEY, note text, CONSTRAINT tw FOREIGN KEY (id) REFERENCES fk_target(id));
CREATE TABLE hollow (id int PRIMARY KEY);
"""
