"""Schemas like those that everybody learns databases with, in our own words (PostgreSQL)."""

from __future__ import annotations

TRADERS = """
CREATE TABLE categories (category_id smallint PRIMARY KEY, category_name varchar(15) NOT NULL, description text, picture bytea);
CREATE TABLE suppliers (supplier_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, contact_name varchar(30),
  city varchar(15), postal_code varchar(10), country varchar(15), phone varchar(24), homepage text);
CREATE TABLE products (product_id smallint PRIMARY KEY, product_name varchar(40) NOT NULL,
  supplier_id smallint REFERENCES suppliers, category_id smallint REFERENCES categories, quantity_per_unit varchar(20),
  unit_price real CHECK (unit_price >= 0), units_in_stock smallint CHECK (units_in_stock >= 0), discontinued integer NOT NULL DEFAULT 0 CHECK (discontinued IN (0, 1)));
CREATE TABLE customers (customer_id char(5) PRIMARY KEY CHECK (customer_id ~ '^[A-Z]{5}$'), company_name varchar(40) NOT NULL, contact_name varchar(30), region varchar(15), fax varchar(24));
CREATE TABLE demographics (customer_type_id char(5) PRIMARY KEY, customer_desc text);
CREATE TABLE customer_demo (customer_id char(5) REFERENCES customers, customer_type_id char(5) REFERENCES demographics, PRIMARY KEY (customer_id, customer_type_id));
CREATE TABLE employees (employee_id smallint PRIMARY KEY, last_name varchar(20) NOT NULL, first_name varchar(10) NOT NULL,
  title varchar(30), birth_date date, hire_date date, reports_to smallint REFERENCES employees, photo bytea, CHECK (birth_date < hire_date));
CREATE TABLE region (region_id smallint PRIMARY KEY, region_description varchar(60) NOT NULL);
CREATE TABLE territories (territory_id varchar(20) PRIMARY KEY, territory_description varchar(60) NOT NULL, region_id smallint NOT NULL REFERENCES region);
CREATE TABLE employee_territories (employee_id smallint NOT NULL REFERENCES employees, territory_id varchar(20) NOT NULL REFERENCES territories, PRIMARY KEY (employee_id, territory_id));
CREATE TABLE shippers (shipper_id smallint PRIMARY KEY, company_name varchar(40) NOT NULL, phone varchar(24));
CREATE TABLE orders (order_id smallint PRIMARY KEY, customer_id char(5) REFERENCES customers, employee_id smallint REFERENCES employees,
  order_date date NOT NULL, required_date date, shipped_date date, ship_via smallint REFERENCES shippers, freight real,
  CHECK (required_date >= order_date), CHECK (shipped_date >= order_date));
CREATE TABLE order_details (order_id smallint NOT NULL REFERENCES orders ON DELETE CASCADE, product_id smallint NOT NULL REFERENCES products,
  unit_price real NOT NULL, quantity smallint NOT NULL CHECK (quantity > 0), discount real NOT NULL CHECK (discount BETWEEN 0 AND 1), PRIMARY KEY (order_id, product_id));
"""

RENTALS = """
CREATE TYPE mpaa AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN release_year AS integer CHECK (VALUE >= 1901 AND VALUE <= 2155);
CREATE TABLE language (language_id serial PRIMARY KEY, name char(20) NOT NULL, last_update timestamptz NOT NULL DEFAULT now());
CREATE TABLE actor (actor_id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL);
CREATE INDEX actor_last_name ON actor (last_name);
CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, description text, year release_year, language_id smallint NOT NULL REFERENCES language,
  original_language_id smallint REFERENCES language, rental_duration smallint NOT NULL DEFAULT 3, rental_rate numeric(4,2) NOT NULL DEFAULT 4.99,
  length smallint, rating mpaa DEFAULT 'G', special_features text[], fulltext tsvector NOT NULL, CHECK (rental_duration BETWEEN 1 AND 14));
CREATE INDEX film_fulltext ON film USING gist (fulltext);
CREATE TABLE film_actor (actor_id integer NOT NULL REFERENCES actor ON UPDATE CASCADE, film_id integer NOT NULL REFERENCES film ON UPDATE CASCADE, PRIMARY KEY (actor_id, film_id));
CREATE TABLE country (country_id serial PRIMARY KEY, country text NOT NULL);
CREATE TABLE city (city_id serial PRIMARY KEY, city text NOT NULL, country_id integer NOT NULL REFERENCES country);
CREATE TABLE address (address_id serial PRIMARY KEY, address text NOT NULL, district text NOT NULL, city_id integer NOT NULL REFERENCES city, postal_code text, phone text NOT NULL);
CREATE TABLE store (store_id serial PRIMARY KEY, manager_staff_id integer NOT NULL UNIQUE, address_id integer NOT NULL REFERENCES address);
CREATE TABLE staff (staff_id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, address_id integer NOT NULL REFERENCES address,
  email text, store_id integer NOT NULL REFERENCES store, active boolean NOT NULL DEFAULT true, username text NOT NULL, password text, picture bytea);
ALTER TABLE store ADD CONSTRAINT store_manager FOREIGN KEY (manager_staff_id) REFERENCES staff;
CREATE TABLE customer (customer_id serial PRIMARY KEY, store_id integer NOT NULL REFERENCES store, first_name text NOT NULL, last_name text NOT NULL,
  email text, address_id integer NOT NULL REFERENCES address, activebool boolean NOT NULL DEFAULT true, create_date date NOT NULL DEFAULT CURRENT_DATE);
CREATE UNIQUE INDEX customer_mail ON customer (lower(email));
CREATE TABLE inventory (inventory_id serial PRIMARY KEY, film_id integer NOT NULL REFERENCES film, store_id integer NOT NULL REFERENCES store);
CREATE TABLE rental (rental_id serial PRIMARY KEY, rental_date timestamptz NOT NULL, inventory_id integer NOT NULL REFERENCES inventory,
  customer_id integer NOT NULL REFERENCES customer, return_date timestamptz, staff_id integer NOT NULL REFERENCES staff, CHECK (return_date > rental_date));
CREATE UNIQUE INDEX rental_once ON rental (rental_date, inventory_id, customer_id);
CREATE TABLE payment (payment_id bigserial, customer_id integer NOT NULL REFERENCES customer, staff_id integer NOT NULL REFERENCES staff,
  rental_id integer NOT NULL REFERENCES rental, amount numeric(5,2) NOT NULL, payment_date timestamptz NOT NULL, PRIMARY KEY (payment_date, payment_id)) PARTITION BY RANGE (payment_date);
CREATE TABLE payment_01 PARTITION OF payment FOR VALUES FROM ('2022-01-01 00:00+00') TO ('2022-02-01 00:00+00');
CREATE TABLE payment_02 PARTITION OF payment FOR VALUES FROM ('2022-02-01 00:00+00') TO ('2022-03-01 00:00+00');
"""
