-- All but the first come AFTER: what is refused or ignored has not happened, and leaves no trace.  They hold
-- with any pragma of the caller's.  The outer statement's conflict policy overrides the one in here, so
-- that nothing in here may conflict.  Triggers of the caller's may come before ours and change the row
-- again, or remove it, so that each asks what is there now.
--
-- Behind the largest number there is, SQLite has no next one, and could never insert again.  It counts a
-- number that was only tried, too.  The ids that it gives itself are not known yet, and are -1 here.
CREATE TRIGGER invite_numbered BEFORE INSERT ON invite
WHEN NEW.id > 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'invite_id_too_large: leave the id to the database')
    WHERE NOT EXISTS (SELECT 1 FROM invite WHERE id = NEW.id);
END
-- ;;
CREATE TRIGGER invite_inserted AFTER INSERT ON invite
BEGIN
    -- OR REPLACE removes the row that had this id under another key, and fires no trigger for it.
    SELECT RAISE(ABORT, 'this id belongs to another invite: leave the id out, or give its own')
    FROM delivery AS d
    WHERE d.invite_id = NEW.id AND d.fencing_token > 0
      AND (d.connection <> NEW.connection OR d.external_id <> NEW.external_id)
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = d.connection AND i.external_id = d.external_id);
    DELETE FROM delivery
    WHERE invite_id = NEW.id AND fencing_token = 0
      AND (connection <> NEW.connection OR external_id <> NEW.external_id)
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = delivery.connection AND i.external_id = delivery.external_id);
    UPDATE invite SET
        expected_arrival_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_arrival_at, '+0 days'),
        expected_departure_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_departure_at, '+0 days'),
        created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, '+0 days'),
        cleared_at = strftime('%Y-%m-%dT%H:%M:%fZ', cleared_at, '+0 days')
    WHERE id = NEW.id;
    -- The key may have had a row before: OR REPLACE is a change, and keeps how the invite stands.
    UPDATE delivery SET
        invite_id = (SELECT i.id FROM invite AS i
                     WHERE i.connection = NEW.connection AND i.external_id = NEW.external_id),
        @reopened@
    WHERE connection = NEW.connection AND external_id = NEW.external_id
      AND EXISTS (SELECT 1 FROM invite AS i
                  WHERE i.connection = NEW.connection AND i.external_id = NEW.external_id);
    INSERT INTO delivery (connection, external_id, invite_id, next_attempt_at)
    SELECT i.connection, i.external_id, i.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    FROM invite AS i
    WHERE (i.id = NEW.id OR i.connection = NEW.connection AND i.external_id = NEW.external_id)
      AND NOT EXISTS (SELECT 1 FROM delivery AS d
                      WHERE d.connection = i.connection AND d.external_id = i.external_id);
END
-- ;;
-- Another key or id.  The key of an invite that was ever attempted must stay: Envoy's invite hangs on it.
-- OR REPLACE removes what is in the way, by key or by id, and fires no trigger for it.
-- Of all columns: SQLite takes an id that is written as rowid, oid or _rowid_ for none of a list.
CREATE TRIGGER invite_moved AFTER UPDATE ON invite
WHEN NEW.id <> OLD.id OR NEW.connection <> OLD.connection OR NEW.external_id <> OLD.external_id
BEGIN
    SELECT RAISE(ABORT, 'invite_id_too_large: leave the id to the database')
    WHERE NEW.id <> OLD.id AND NEW.id > 9007199254740991;
    SELECT RAISE(ABORT, @kept@)
    FROM delivery AS d
    WHERE d.fencing_token > 0
      AND (NEW.connection <> OLD.connection OR NEW.external_id <> OLD.external_id)
      AND (d.connection = OLD.connection AND d.external_id = OLD.external_id
           OR d.connection = NEW.connection AND d.external_id = NEW.external_id);
    SELECT RAISE(ABORT, 'this id belongs to another invite: leave the id as it is')
    FROM delivery AS d
    WHERE d.invite_id = NEW.id AND d.fencing_token > 0
      AND (d.connection <> OLD.connection OR d.external_id <> OLD.external_id)
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = d.connection AND i.external_id = d.external_id);
    DELETE FROM delivery
    WHERE fencing_token = 0
      AND (NEW.connection <> OLD.connection OR NEW.external_id <> OLD.external_id)
      AND connection = NEW.connection AND external_id = NEW.external_id;
    DELETE FROM delivery
    WHERE NEW.id <> OLD.id AND invite_id = NEW.id AND fencing_token = 0
      AND (connection <> OLD.connection OR external_id <> OLD.external_id)
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = delivery.connection AND i.external_id = delivery.external_id);
    UPDATE delivery SET (connection, external_id, invite_id) = (
        SELECT i.connection, i.external_id, i.id FROM invite AS i
        WHERE i.id = NEW.id OR i.connection = NEW.connection AND i.external_id = NEW.external_id
        ORDER BY i.id = NEW.id DESC)
    WHERE connection = OLD.connection AND external_id = OLD.external_id
      AND EXISTS (SELECT 1 FROM invite AS i
                  WHERE i.id = NEW.id OR i.connection = NEW.connection AND i.external_id = NEW.external_id);
    DELETE FROM delivery
    WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token = 0
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = OLD.connection AND i.external_id = OLD.external_id);
END
-- ;;
-- Only a change of what the caller says about the visit counts.  A rename is one, too, whether or not the
-- delivery has its new key yet: the order in which SQLite runs this trigger and invite_moved is not defined.
CREATE TRIGGER invite_changed AFTER UPDATE ON invite
WHEN @changed@
BEGIN
    UPDATE invite SET
        expected_arrival_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_arrival_at, '+0 days'),
        expected_departure_at = strftime('%Y-%m-%dT%H:%M:%fZ', expected_departure_at, '+0 days'),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
    UPDATE delivery SET @reopened@
    WHERE connection = NEW.connection AND external_id = NEW.external_id
       OR connection = OLD.connection AND external_id = OLD.external_id
       OR (connection, external_id) IN (SELECT i.connection, i.external_id FROM invite AS i
                                        WHERE i.id = NEW.id);
END
-- ;;
-- A time written in another form, but the same moment, is stored in ours and is no change.
CREATE TRIGGER invite_retimed AFTER UPDATE ON invite
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
CREATE TRIGGER invite_deleted AFTER DELETE ON invite
BEGIN
    SELECT RAISE(ABORT, 'this invite was sent or tried: set wanted = ''absent'' instead of deleting it')
    FROM delivery
    WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token > 0
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = OLD.connection AND i.external_id = OLD.external_id);
    DELETE FROM delivery
    WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token = 0
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = OLD.connection AND i.external_id = OLD.external_id);
END
-- ;;
CREATE VIEW invite_status AS
@status@
