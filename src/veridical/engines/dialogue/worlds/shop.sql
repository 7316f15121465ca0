CREATE TABLE customers (customer_id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, address TEXT NOT NULL);
CREATE TABLE orders (order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL REFERENCES customers, item TEXT NOT NULL,
  total REAL NOT NULL, status TEXT NOT NULL, ordered_on TEXT NOT NULL, delivered_on TEXT, address TEXT NOT NULL);
CREATE TABLE refunds (order_id TEXT PRIMARY KEY REFERENCES orders, amount REAL NOT NULL);
CREATE TABLE tickets (customer_id TEXT NOT NULL REFERENCES customers, topic TEXT NOT NULL, UNIQUE (customer_id, topic));
INSERT INTO customers VALUES
 ('C101','Mina Park','mina.park@example.com','12 Hill Road, Leeds'),
 ('C102','Tom Becker','tom.becker@example.com','4 Mill Lane, York'),
 ('C103','Aisha Khan','aisha.khan@example.com','88 Station Street, Derby'),
 ('C104','Luis Ortega','luis.ortega@example.com','7 Harbour View, Hull'),
 ('C105','Jiho Lee','jiho.lee@example.com','31 Garden Close, Bath'),
 ('C106','Freya Olsen','freya.olsen@example.com','9 Castle Walk, Exeter'),
 ('C107','Sora Kim','sora.kim@example.com','56 Queen Street, Leith'),
 ('C108','Ben Adeyemi','ben.adeyemi@example.com','3 Orchard Way, Ely');
INSERT INTO orders VALUES
 ('W4017','C101','desk lamp',39.90,'pending','2026-02-26',NULL,'12 Hill Road, Leeds'),
 ('W4022','C101','wool blanket',64.50,'delivered','2026-02-09','2026-02-13','12 Hill Road, Leeds'),
 ('W3810','C101','bread knife',22.00,'delivered','2025-11-20','2025-11-24','12 Hill Road, Leeds'),
 ('W4031','C102','hiking boots',118.00,'pending','2026-02-27',NULL,'4 Mill Lane, York'),
 ('W4009','C102','rain jacket',89.95,'shipped','2026-02-24',NULL,'4 Mill Lane, York'),
 ('W3902','C102','camping stove',54.00,'delivered','2025-12-18','2025-12-22','4 Mill Lane, York'),
 ('W4040','C103','tea kettle',47.25,'pending','2026-02-28',NULL,'88 Station Street, Derby'),
 ('W3988','C103','yoga mat',28.80,'delivered','2026-02-12','2026-02-16','88 Station Street, Derby'),
 ('W4026','C104','bicycle pump',19.99,'shipped','2026-02-25',NULL,'7 Harbour View, Hull'),
 ('W4033','C104','phone case',15.49,'pending','2026-02-27',NULL,'7 Harbour View, Hull'),
 ('W3851','C104','wall clock',33.30,'delivered','2025-12-01','2025-12-05','7 Harbour View, Hull'),
 ('W4045','C105','graphic novel',24.00,'pending','2026-02-28',NULL,'31 Garden Close, Bath'),
 ('W3995','C105','headphones',129.00,'delivered','2026-02-17','2026-02-20','31 Garden Close, Bath'),
 ('W4012','C106','running shoes',95.00,'shipped','2026-02-25',NULL,'9 Castle Walk, Exeter'),
 ('W4029','C106','water bottle',18.75,'pending','2026-02-26',NULL,'9 Castle Walk, Exeter'),
 ('W3870','C106','coffee grinder',72.40,'delivered','2025-12-09','2025-12-14','9 Castle Walk, Exeter'),
 ('W4037','C107','picture frame',27.60,'pending','2026-02-27',NULL,'56 Queen Street, Leith'),
 ('W4003','C107','board game',41.00,'delivered','2026-02-18','2026-02-22','56 Queen Street, Leith'),
 ('W4019','C108','garden gloves',12.50,'shipped','2026-02-26',NULL,'3 Orchard Way, Ely'),
 ('W3999','C108','cast iron pan',58.00,'delivered','2026-02-15','2026-02-19','3 Orchard Way, Ely'),
 ('W3844','C108','pillow set',36.20,'delivered','2025-11-29','2025-12-03','3 Orchard Way, Ely');
