-- The functions run with their owner's rights: a caller needs none on the worker's tables.
CREATE FUNCTION invite_inserted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO delivery AS d (connection, external_id, next_attempt_at)
    VALUES (NEW.connection, NEW.external_id, now())
    ON CONFLICT (connection, external_id) DO UPDATE SET
        revision = d.revision + 1,
        next_attempt_at = CASE WHEN d.status IN ('sending', 'unknown') THEN d.next_attempt_at ELSE now() END,
        error_code = CASE WHEN d.status IN ('sending', 'unknown') THEN d.error_code END,
        error_detail = CASE WHEN d.status IN ('sending', 'unknown') THEN d.error_detail END,
        deferrals = 0,
        updated_at = now(),
        status = CASE WHEN d.status IN ('sending', 'unknown') THEN d.status ELSE 'pending' END;
    RETURN NULL;
END
$$
-- ;;
CREATE TRIGGER invite_inserted AFTER INSERT ON invite
FOR EACH ROW EXECUTE FUNCTION invite_inserted()
-- ;;
-- The key of an invite that was ever attempted must stay: Envoy's invite hangs on it.
CREATE FUNCTION invite_changing() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.connection IS DISTINCT FROM OLD.connection OR NEW.external_id IS DISTINCT FROM OLD.external_id THEN
        -- Locked first and looked at then: a claim may be about to commit.
        PERFORM 1 FROM delivery WHERE connection = OLD.connection AND external_id = OLD.external_id
            FOR UPDATE;
        PERFORM 1 FROM delivery WHERE connection = OLD.connection AND external_id = OLD.external_id
            AND fencing_token > 0;
        IF FOUND THEN
            RAISE EXCEPTION 'this invite was sent or tried: set wanted = ''absent'' and insert a new row instead of renaming it'
                USING ERRCODE = 'restrict_violation';
        END IF;
        UPDATE delivery SET connection = NEW.connection, external_id = NEW.external_id
        WHERE connection = OLD.connection AND external_id = OLD.external_id;
    END IF;
    NEW.updated_at = now();
    RETURN NEW;
END
$$
-- ;;
CREATE FUNCTION invite_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE delivery AS d SET
        revision = d.revision + 1,
        next_attempt_at = CASE WHEN d.status IN ('sending', 'unknown') THEN d.next_attempt_at ELSE now() END,
        error_code = CASE WHEN d.status IN ('sending', 'unknown') THEN d.error_code END,
        error_detail = CASE WHEN d.status IN ('sending', 'unknown') THEN d.error_detail END,
        deferrals = 0,
        updated_at = now(),
        status = CASE WHEN d.status IN ('sending', 'unknown') THEN d.status ELSE 'pending' END
    WHERE connection = NEW.connection AND external_id = NEW.external_id;
    RETURN NULL;
END
$$
-- ;;
CREATE TRIGGER invite_changing BEFORE UPDATE ON invite FOR EACH ROW
WHEN (NOT (NEW.cleared_at IS NOT NULL AND NEW.cleared_at IS DISTINCT FROM OLD.cleared_at)
      AND (NEW.connection, NEW.external_id, NEW.invitee_name, NEW.invitee_email, NEW.location, NEW.flow,
           NEW.host_employee_id, NEW.host_email, NEW.expected_arrival_at, NEW.expected_departure_at,
           NEW.notes, NEW.custom_fields, NEW.send_email, NEW.wanted)
      IS DISTINCT FROM
          (OLD.connection, OLD.external_id, OLD.invitee_name, OLD.invitee_email, OLD.location, OLD.flow,
           OLD.host_employee_id, OLD.host_email, OLD.expected_arrival_at, OLD.expected_departure_at,
           OLD.notes, OLD.custom_fields, OLD.send_email, OLD.wanted))
EXECUTE FUNCTION invite_changing()
-- ;;
-- UPDATE: only a change of what the caller says about the visit counts; a retention clear does not.
CREATE TRIGGER invite_changed AFTER UPDATE ON invite FOR EACH ROW
WHEN (NOT (NEW.cleared_at IS NOT NULL AND NEW.cleared_at IS DISTINCT FROM OLD.cleared_at)
      AND (NEW.connection, NEW.external_id, NEW.invitee_name, NEW.invitee_email, NEW.location, NEW.flow,
           NEW.host_employee_id, NEW.host_email, NEW.expected_arrival_at, NEW.expected_departure_at,
           NEW.notes, NEW.custom_fields, NEW.send_email, NEW.wanted)
      IS DISTINCT FROM
          (OLD.connection, OLD.external_id, OLD.invitee_name, OLD.invitee_email, OLD.location, OLD.flow,
           OLD.host_employee_id, OLD.host_email, OLD.expected_arrival_at, OLD.expected_departure_at,
           OLD.notes, OLD.custom_fields, OLD.send_email, OLD.wanted))
EXECUTE FUNCTION invite_changed()
-- ;;
CREATE FUNCTION invite_deleted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM delivery
    WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token = 0;
    PERFORM 1 FROM delivery WHERE connection = OLD.connection AND external_id = OLD.external_id;
    IF FOUND THEN
        RAISE EXCEPTION 'this invite was sent or tried: set wanted = ''absent'' instead of deleting it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$
-- ;;
CREATE TRIGGER invite_deleted BEFORE DELETE ON invite
FOR EACH ROW EXECUTE FUNCTION invite_deleted()
-- ;;
CREATE VIEW invite_status AS
SELECT i.id, i.connection, i.external_id, i.invitee_name, i.invitee_email, i.location, i.flow,
       i.host_employee_id, i.host_email, i.expected_arrival_at, i.expected_departure_at, i.notes,
       i.custom_fields, i.send_email, i.wanted, d.status, d.revision, d.sent_revision, d.attempts,
       d.next_attempt_at, d.envoy_invite_id, d.approval_status, d.error_code, d.error_detail, d.sent_at,
       i.created_at, d.updated_at
FROM invite AS i
JOIN delivery AS d ON d.connection = i.connection AND d.external_id = i.external_id
