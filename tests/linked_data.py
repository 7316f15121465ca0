"""Small linked tables with known laws: customers, their orders, and the lines of these."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa

from veridical.core.dataset import Dataset
from veridical.core.schema import ForeignKey, Schema
from veridical.stages.learn import learn


def shop(customers: int = 300, *, seed: int = 0) -> Dataset:
    """Return a shop: big customers have many orders, orders come after sign-up, totals are sums of lines."""
    rng = np.random.default_rng(seed)
    big = rng.random(customers) < 0.3
    signed = [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 700, customers)]
    orders = rng.poisson(np.where(big, 6, 1))
    owner = np.repeat(np.arange(customers), orders)
    count = len(owner)
    placed = [signed[o] + dt.timedelta(days=int(d)) for o, d in zip(owner, rng.integers(0, 500, count), strict=True)]
    products = 12
    lines = rng.integers(1, 5, count)
    of = np.repeat(np.arange(count), lines)
    # Big customers buy the dear half of the products.
    product = np.where(big[owner][of], rng.integers(0, 6, len(of)), rng.integers(6, products, len(of)))
    price = np.round(5.0 + 2.5 * product, 2)
    amount = rng.integers(1, 4, len(of))
    total = np.round(np.bincount(of, weights=price * amount, minlength=count), 2)
    last = np.r_[owner[1:] != owner[:-1], True] if count else np.zeros(0, bool)
    return Dataset(
        {
            "customer": pa.table(
                {
                    "customer_id": [f"C{i:06}" for i in range(customers)],
                    "email": [f"user{i}@example.org" for i in range(customers)],
                    "size": np.where(big, "big", "small").tolist(),
                    "signed_up": pa.array(signed, pa.date32()),
                }
            ),
            "product": pa.table(
                {"product_id": list(range(100, 100 + products)), "price": 5.0 + 2.5 * np.arange(products)}
            ),
            "orders": pa.table(
                {
                    "order_id": list(range(1, count + 1)),
                    "customer_id": [f"C{i:06}" for i in owner],
                    "placed": pa.array(placed, pa.date32()),
                    "status": np.where(last & (rng.random(count) < 0.8), "open", "done").tolist(),
                    "total": total,
                }
            ),
            "line": pa.table(
                {
                    "order_id": (of + 1).tolist(),
                    "line_no": (np.arange(len(of)) - np.repeat(np.cumsum(lines) - lines, lines) + 1).tolist(),
                    "product_id": (100 + product).tolist(),
                    "price": price,
                    "amount": amount,
                }
            ),
        }
    )


def shop_schema(data: Dataset) -> Schema:
    """Return what is learned of the shop, with the lines' key named."""
    from dataclasses import replace

    schema = learn(data).schema
    tables = tuple(
        replace(table, primary_key=("order_id", "line_no")) if table.name == "line" else table
        for table in schema.tables
    )
    return replace(schema, tables=tables)


def bank(accounts: int = 240, transfers: int = 3600, *, seed: int = 0) -> Dataset:
    """Return a bank: transfers between two accounts, never to oneself, mostly within a country, after both opened."""
    rng = np.random.default_rng(seed)
    country = rng.choice(["KR", "DE", "US"], accounts, p=[0.5, 0.3, 0.2])
    often = rng.gamma(1.5, 1, accounts)
    payer = rng.choice(accounts, transfers, p=often / often.sum())
    payee = np.empty(transfers, dtype=np.int64)
    for row, own in enumerate(payer):
        others = np.flatnonzero((country == country[own]) == (rng.random() < 0.8))
        payee[row] = rng.choice(others[others != own])
    opened = np.array("2015-01-01", "datetime64[D]") + rng.integers(0, 1000, accounts)
    made = np.maximum(opened[payer], opened[payee]) + rng.integers(0, 900, transfers)
    names = np.array([f"A{i:05d}" for i in range(accounts)])
    return Dataset(
        {
            "accounts": pa.table({"account_id": names, "country": country, "opened": opened}),
            "transfers": pa.table(
                {
                    "transfer_id": np.arange(transfers),
                    "payer": names[payer],
                    "payee": names[payee],
                    "payee_country": country[payee],
                    "made": made,
                    "amount": np.round(rng.lognormal(3, 1, transfers), 2),
                }
            ),
        }
    )


def tenants(count: int = 30, *, seed: int = 0) -> Dataset:
    """Return shops of many tenants: keys (tenant, number), lines whose product is of the tenant of their order."""
    rng = np.random.default_rng(seed)
    of_customer = np.repeat(np.arange(count), rng.integers(5, 40, count))
    of_product = np.repeat(np.arange(count), rng.integers(4, 14, count))
    segment = rng.choice(["a", "b"], len(of_customer))
    price = np.round(rng.lognormal(2, 0.6, len(of_product)), 2)
    customer, product = (_numbered(one) for one in (of_customer, of_product))
    orders = rng.poisson(np.where(segment == "a", 6, 2))
    who = np.repeat(np.arange(len(of_customer)), orders)
    lines: list[tuple[int, int]] = []
    for order, one in enumerate(who):
        pool = np.flatnonzero(of_product == of_customer[one])
        weight = np.where((price[pool] > 7.4) == (segment[one] == "a"), 4.0, 1.0)
        size = min(len(pool), 1 + rng.poisson(1.2))
        lines += [(order, p) for p in rng.choice(pool, size, replace=False, p=weight / weight.sum())]
    order, bought = np.array(lines).T
    gone = (customer == 1) | (rng.random(len(customer)) < 0.5)
    above = pa.array(np.maximum(1, customer - 1), mask=gone)
    return Dataset(
        {
            "tenants": pa.table({"tenant": np.arange(count), "plan": rng.choice(["free", "pro"], count)}),
            "customers": pa.table({"tenant": of_customer, "no": customer, "segment": segment, "referred_by": above}),
            "products": pa.table({"tenant": of_product, "product": product, "price": price}),
            "orders": pa.table({"tenant": of_customer[who], "order": np.arange(len(who)), "customer": customer[who]}),
            "lines": pa.table(
                {
                    "tenant": of_product[bought],
                    "order": order,
                    "product": product[bought],
                    "quantity": rng.integers(1, 5, len(order)),
                }
            ),
        }
    )


def tenants_schema(data: Dataset) -> Schema:
    """Return its schema, with every key as a database declares it."""
    learned = learn(data).schema
    keys = {
        "tenants": ("tenant",), "customers": ("tenant", "no"), "products": ("tenant", "product"),
        "orders": ("tenant", "order"), "lines": ("tenant", "order", "product"),
    }  # fmt: skip
    ends = [
        ("customers", ("tenant",), "tenants"), ("products", ("tenant",), "tenants"),
        ("customers", ("tenant", "referred_by"), "customers"), ("orders", ("tenant", "customer"), "customers"),
        ("lines", ("tenant", "order"), "orders"), ("lines", ("tenant", "product"), "products"),
    ]  # fmt: skip
    links = tuple(ForeignKey(table=t, columns=c, parent=p, parent_columns=keys[p]) for t, c, p in ends)
    tables = tuple(replace(table, primary_key=keys[table.name]) for table in learned.tables)
    return replace(learned, tables=tables, foreign_keys=links)


def _numbered(owners: np.ndarray) -> np.ndarray:
    """Return for rows of owners that lie together which of the owner's rows each is, from one on."""
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    found: np.ndarray = np.arange(len(owners)) - np.repeat(starts, np.diff(np.r_[starts, len(owners)])) + 1
    return found
