-- What a caller writes, on SQLite and on PostgreSQL alike.  Run it twice: the second time changes nothing.
-- Times have a zone; (connection, external_id) is your own key of the visit.
BEGIN;

-- A new visit.  Where it is there already, nothing happens.
INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)
VALUES ('acme', 'desk-1', 'Ann Example', 'Berlin', '2035-05-17T09:00:00+02:00'),
       ('acme', 'desk-2', 'Ben Example', 'Berlin', '2035-05-17T10:00:00+02:00')
ON CONFLICT (connection, external_id) DO NOTHING;

-- A visit as it is now, new or not: what a nightly job writes.
INSERT INTO invite (connection, external_id, invitee_name, invitee_email, location, expected_arrival_at)
VALUES ('acme', 'desk-3', 'Cem Example', 'cem@example.com', 'Singapore', '2035-05-18T14:30:00+08:00')
ON CONFLICT (connection, external_id) DO UPDATE SET
    invitee_name = excluded.invitee_name,
    invitee_email = excluded.invitee_email,
    location = excluded.location,
    expected_arrival_at = excluded.expected_arrival_at;

-- A visit is moved.
UPDATE invite SET expected_arrival_at = '2035-05-17T11:30:00+02:00'
WHERE connection = 'acme' AND external_id = 'desk-1';

-- A visit is called off.  Do not DELETE it: the invite may be in Envoy already.
UPDATE invite SET wanted = 'absent'
WHERE connection = 'acme' AND external_id = 'desk-2';

COMMIT;

-- What became of them: sent and withdrawn are done; rejected and unknown need a person.
SELECT external_id, status, error_code, error_detail
FROM invite_status
WHERE connection = 'acme' AND external_id LIKE 'desk-%'
ORDER BY external_id;
