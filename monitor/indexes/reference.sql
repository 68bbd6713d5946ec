-- The tables the report's indexes and queries stand on, as far as it shows them. Times are UTC.
CREATE TABLE {schema}.companies (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  timezone text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE TABLE {schema}.branches (
  id bigint PRIMARY KEY,
  company_id bigint NOT NULL REFERENCES {schema}.companies,
  name text NOT NULL,
  city text NOT NULL,
  is_active boolean NOT NULL
);
CREATE TABLE {schema}.staff (
  id bigint PRIMARY KEY,
  branch_id bigint NOT NULL REFERENCES {schema}.branches,
  name text NOT NULL,
  email text NOT NULL,
  calcom_user_id bigint,
  is_active boolean NOT NULL
);
CREATE TABLE {schema}.services (
  id bigint PRIMARY KEY,
  branch_id bigint NOT NULL REFERENCES {schema}.branches,
  name text NOT NULL,
  description text NOT NULL,
  calcom_event_type_id bigint,
  duration_minutes integer NOT NULL CHECK (duration_minutes > 0),
  price_cents integer NOT NULL,
  is_active boolean NOT NULL
);
CREATE TABLE {schema}.appointments (
  id bigint PRIMARY KEY,
  branch_id bigint NOT NULL REFERENCES {schema}.branches,
  service_id bigint NOT NULL REFERENCES {schema}.services,
  staff_id bigint NOT NULL REFERENCES {schema}.staff,
  calcom_booking_id text,
  status text NOT NULL CHECK (status IN ('scheduled', 'confirmed', 'completed', 'cancelled', 'no_show')),
  starts_at timestamp NOT NULL,
  ends_at timestamp NOT NULL CHECK (ends_at > starts_at),
  customer_name text NOT NULL,
  notes text
);

-- Rows: hashes of the row's number instead of random numbers, so that a seed always gives the same rows.
INSERT INTO {schema}.companies
SELECT n, 'Company ' || n, (ARRAY['Europe/Berlin', 'Europe/London', 'Asia/Kolkata', 'Pacific/Chatham'])[1 + n % 4],
       timestamptz '2025-01-01 00:00+00' + n * interval '1 hour'
FROM generate_series(1, greatest(1, {services} / 60)) AS n;

INSERT INTO {schema}.branches
SELECT n, 1 + n % greatest(1, {services} / 60), 'Branch ' || n,
       (ARRAY['Berlin', 'London', 'Pune', 'Waitangi'])[1 + n % 4],
       {schema}.roll(n, 'branch active', 100) < 92
FROM generate_series(1, greatest(1, {services} / 20)) AS n;

INSERT INTO {schema}.staff
SELECT n, 1 + n % greatest(1, {services} / 20), 'Person ' || n, 'person' || n || '@example.com',
       CASE WHEN {schema}.roll(n, 'staff user', 100) < 85 THEN 400000 + n END,
       {schema}.roll(n, 'staff active', 100) < 88
FROM generate_series(1, greatest(1, {services} / 4)) AS n;

INSERT INTO {schema}.services
SELECT n, 1 + n % greatest(1, {services} / 20), 'Service ' || n,
       'What to expect, what to bring and how long it takes. ' || repeat(md5('text' || n), 3),
       CASE WHEN {schema}.roll(n, 'service type', 100) < 95 THEN 2000000 + n END,
       (ARRAY[15, 30, 30, 45, 60, 60, 90, 120])[1 + {schema}.roll(n, 'length', 8)],
       1500 + 500 * {schema}.roll(n, 'price', 40),
       {schema}.roll(n, 'service active', 100) < 90
FROM generate_series(1, {services}) AS n;

-- Half a year around the report's day, opening hours, most of it past; a few services are far busier than the rest.
INSERT INTO {schema}.appointments
SELECT n, s.branch_id, s.id, 1 + {schema}.roll(n, 'person', greatest(1, {services} / 4)),
       CASE WHEN {schema}.roll(n, 'booked', 100) < 90 THEN 'cal_' || md5('booking' || n || {seed}) END,
       (ARRAY['completed', 'completed', 'completed', 'confirmed', 'scheduled', 'cancelled', 'no_show'])
         [1 + {schema}.roll(n, 'status', 7)],
       t.starts_at, t.starts_at + s.duration_minutes * interval '1 minute', 'Customer ' || n,
       CASE WHEN {schema}.roll(n, 'notes', 4) = 0 THEN repeat(md5('note' || n), 2) END
FROM generate_series(1, {rows}) AS n
JOIN LATERAL (
  SELECT timestamp '2025-11-11 08:00' + ({schema}.roll(n, 'day', 180) - 120) * interval '1 day'
         + {schema}.roll(n, 'quarter', 40) * interval '15 minutes' AS starts_at
) t ON true
JOIN {schema}.services s ON s.id = 1 + floor(
  {services} * power({schema}.roll(n, 'service', 1000000) / 1000000.0, 1.5)
)::bigint;
