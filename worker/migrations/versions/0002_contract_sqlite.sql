-- A rename counts as a change, whether or not the delivery has its new key yet: the order in which
-- SQLite runs this trigger and invite_renamed is not defined.
DROP TRIGGER invite_changed
-- ;;
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
    WHERE connection = NEW.connection AND external_id = NEW.external_id
       OR connection = OLD.connection AND external_id = OLD.external_id;
END
