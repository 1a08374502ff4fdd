-- INSERT: store the times as UTC text, make the delivery.  The delivery may be there already, after
-- INSERT OR REPLACE; then the row counts as changed.  UPDATE comes first, and INSERT is conditional,
-- because the outer statement's conflict policy overrides one written in here.
CREATE TRIGGER invite_inserted AFTER INSERT ON invite
BEGIN
    UPDATE invite SET
        expected_arrival_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_arrival_at, '+0 days'),
        expected_departure_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_departure_at, '+0 days'),
        created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, '+0 days'),
        cleared_at = strftime('%Y-%m-%dT%H:%M:%fZ', cleared_at, '+0 days')
    WHERE id = NEW.id;
    UPDATE delivery SET
        revision = revision + 1,
        next_attempt_at = CASE WHEN status IN ('sending', 'unknown') THEN next_attempt_at
                               ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
        error_code = CASE WHEN status IN ('sending', 'unknown') THEN error_code END,
        error_detail = CASE WHEN status IN ('sending', 'unknown') THEN error_detail END,
        deferrals = 0,
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        status = CASE WHEN status IN ('sending', 'unknown') THEN status ELSE 'pending' END
    WHERE connection = NEW.connection AND external_id = NEW.external_id;
    INSERT INTO delivery (connection, external_id, next_attempt_at)
    SELECT NEW.connection, NEW.external_id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE NOT EXISTS (SELECT 1 FROM delivery
                      WHERE connection = NEW.connection AND external_id = NEW.external_id);
END
-- ;;
-- The key of an invite that was ever attempted must stay: Envoy's invite hangs on it.
-- OR REPLACE deletes what is in its way without any trigger, so the other row's delivery counts as well.
CREATE TRIGGER invite_renaming BEFORE UPDATE OF connection, external_id ON invite
WHEN (NEW.connection IS NOT OLD.connection OR NEW.external_id IS NOT OLD.external_id)
     AND EXISTS (SELECT 1 FROM delivery WHERE fencing_token > 0
                 AND (connection = OLD.connection AND external_id = OLD.external_id
                      OR connection = NEW.connection AND external_id = NEW.external_id))
BEGIN
    SELECT RAISE(ABORT, 'this invite was sent or tried: set wanted = ''absent'' and insert a new row instead of renaming it');
END
-- ;;
-- INSERT OR REPLACE (or an upsert) with an id that is taken by another key renames, too.
CREATE TRIGGER invite_replacing BEFORE INSERT ON invite
WHEN EXISTS (SELECT 1 FROM invite AS i WHERE i.id = NEW.id
             AND (i.connection IS NOT NEW.connection OR i.external_id IS NOT NEW.external_id))
BEGIN
    SELECT RAISE(ABORT, 'this id belongs to another invite: leave the id out, or give its own')
    WHERE EXISTS (SELECT 1 FROM invite AS i
                  JOIN delivery AS d ON d.connection = i.connection AND d.external_id = i.external_id
                  WHERE i.id = NEW.id AND d.fencing_token > 0);
    DELETE FROM delivery WHERE fencing_token = 0 AND (connection, external_id) IN
        (SELECT i.connection, i.external_id FROM invite AS i WHERE i.id = NEW.id);
END
-- ;;
CREATE TRIGGER invite_renamed AFTER UPDATE OF connection, external_id ON invite
WHEN NEW.connection IS NOT OLD.connection OR NEW.external_id IS NOT OLD.external_id
BEGIN
    UPDATE delivery SET connection = NEW.connection, external_id = NEW.external_id
    WHERE connection = OLD.connection AND external_id = OLD.external_id;
    INSERT INTO delivery (connection, external_id, next_attempt_at)
    SELECT NEW.connection, NEW.external_id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE NOT EXISTS (SELECT 1 FROM delivery
                      WHERE connection = NEW.connection AND external_id = NEW.external_id);
END
-- ;;
-- UPDATE: only a change of what the caller says about the visit counts; a retention clear does not.
CREATE TRIGGER invite_changed AFTER UPDATE ON invite
WHEN NOT (NEW.cleared_at IS NOT NULL AND NEW.cleared_at IS NOT OLD.cleared_at)
     AND (NEW.connection IS NOT OLD.connection
          OR NEW.external_id IS NOT OLD.external_id
          OR NEW.invitee_name IS NOT OLD.invitee_name
          OR NEW.invitee_email IS NOT OLD.invitee_email
          OR NEW.location IS NOT OLD.location
          OR NEW.flow IS NOT OLD.flow
          OR NEW.host_employee_id IS NOT OLD.host_employee_id
          OR NEW.host_email IS NOT OLD.host_email
          OR julianday(NEW.expected_arrival_at) IS NOT julianday(OLD.expected_arrival_at)
          OR julianday(NEW.expected_departure_at) IS NOT julianday(OLD.expected_departure_at)
          OR NEW.notes IS NOT OLD.notes
          OR NEW.custom_fields IS NOT OLD.custom_fields
          OR NEW.send_email IS NOT OLD.send_email
          OR NEW.wanted IS NOT OLD.wanted)
BEGIN
    UPDATE invite SET
        expected_arrival_at = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.expected_arrival_at, '+0 days'),
        expected_departure_at = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.expected_departure_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
    UPDATE delivery SET
        revision = revision + 1,
        next_attempt_at = CASE WHEN status IN ('sending', 'unknown') THEN next_attempt_at
                               ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
        error_code = CASE WHEN status IN ('sending', 'unknown') THEN error_code END,
        error_detail = CASE WHEN status IN ('sending', 'unknown') THEN error_detail END,
        deferrals = 0,
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        status = CASE WHEN status IN ('sending', 'unknown') THEN status ELSE 'pending' END
    WHERE connection = NEW.connection AND external_id = NEW.external_id;
END
-- ;;
-- A time written in another form, but the same moment, is stored in ours and is no change.
CREATE TRIGGER invite_retimed
AFTER UPDATE OF expected_arrival_at, expected_departure_at, created_at, updated_at, cleared_at ON invite
WHEN NEW.expected_arrival_at NOT GLOB '????-??-??T??:??:??.???Z'
     OR NEW.expected_departure_at NOT GLOB '????-??-??T??:??:??.???Z'
     OR NEW.created_at NOT GLOB '????-??-??T??:??:??.???Z'
     OR NEW.updated_at NOT GLOB '????-??-??T??:??:??.???Z'
     OR NEW.cleared_at NOT GLOB '????-??-??T??:??:??.???Z'
BEGIN
    UPDATE invite SET
        expected_arrival_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_arrival_at, '+0 days'),
        expected_departure_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_departure_at, '+0 days'),
        created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, '+0 days'),
        cleared_at = strftime('%Y-%m-%dT%H:%M:%fZ', cleared_at, '+0 days')
    WHERE id = NEW.id;
END
-- ;;
CREATE TRIGGER invite_deleting BEFORE DELETE ON invite
WHEN EXISTS (SELECT 1 FROM delivery WHERE connection = OLD.connection
             AND external_id = OLD.external_id AND fencing_token > 0)
BEGIN
    SELECT RAISE(ABORT, 'this invite was sent or tried: set wanted = ''absent'' instead of deleting it');
END
-- ;;
CREATE TRIGGER invite_deleted AFTER DELETE ON invite
BEGIN
    DELETE FROM delivery
    WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token = 0;
END
-- ;;
CREATE VIEW invite_status AS
SELECT i.id, i.connection, i.external_id, i.invitee_name, i.invitee_email, i.location, i.flow,
       i.host_employee_id, i.host_email, i.expected_arrival_at, i.expected_departure_at, i.notes,
       i.custom_fields, i.send_email, i.wanted, d.status, d.revision, d.sent_revision, d.attempts,
       d.next_attempt_at, d.envoy_invite_id, d.approval_status, d.error_code, d.error_detail, d.sent_at,
       i.created_at, d.updated_at
FROM invite AS i
JOIN delivery AS d ON d.connection = i.connection AND d.external_id = i.external_id
