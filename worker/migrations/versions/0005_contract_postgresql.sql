-- The functions run with their owner's rights: a caller needs none on the worker's tables.  All but one
-- come AFTER: what another trigger of the caller's suppresses has not happened, and leaves no trace.
-- Triggers of the caller's may come before ours and change the row again, or remove it, so that each asks
-- what is there now.
CREATE OR REPLACE FUNCTION invite_inserted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- The key may have a delivery: its invite was removed while no trigger fired.
    INSERT INTO delivery AS d (connection, external_id, invite_id, next_attempt_at)
    SELECT i.connection, i.external_id, i.id, now()
    FROM invite AS i
    WHERE i.id = NEW.id OR i.connection = NEW.connection AND i.external_id = NEW.external_id
    ON CONFLICT (connection, external_id) DO UPDATE SET invite_id = EXCLUDED.invite_id, @reopened@;
    RETURN NULL;
END
$$
-- ;;
CREATE TRIGGER invite_inserted AFTER INSERT ON invite
FOR EACH ROW EXECUTE FUNCTION invite_inserted()
-- ;;
CREATE OR REPLACE FUNCTION invite_changing() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END
$$
-- ;;
CREATE TRIGGER invite_changing BEFORE UPDATE ON invite FOR EACH ROW
WHEN @changed@
EXECUTE FUNCTION invite_changing()
-- ;;
-- Only a change of what the caller says about the visit counts.  A rename is one, too; the delivery has its
-- old key still, since triggers fire in the order of their names.
CREATE OR REPLACE FUNCTION invite_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE delivery AS d SET @reopened@
    WHERE connection = OLD.connection AND external_id = OLD.external_id;
    RETURN NULL;
END
$$
-- ;;
CREATE TRIGGER invite_changed AFTER UPDATE ON invite FOR EACH ROW
WHEN @changed@
EXECUTE FUNCTION invite_changed()
-- ;;
-- Another key or id.  The key of an invite that was ever attempted must stay: Envoy's invite hangs on it.
CREATE FUNCTION invite_moved() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF (NEW.connection, NEW.external_id) IS DISTINCT FROM (OLD.connection, OLD.external_id) THEN
        -- Locked first and looked at then: a claim may be about to commit.
        PERFORM 1 FROM delivery WHERE connection = OLD.connection AND external_id = OLD.external_id
            FOR UPDATE;
        -- What has no invite, and was never tried, is in the way of the new key.
        DELETE FROM delivery
        WHERE connection = NEW.connection AND external_id = NEW.external_id AND fencing_token = 0;
        PERFORM 1 FROM delivery
        WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token > 0
           OR connection = NEW.connection AND external_id = NEW.external_id;
        IF FOUND THEN
            RAISE EXCEPTION @kept@ USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    UPDATE delivery AS d SET connection = i.connection, external_id = i.external_id, invite_id = i.id
    FROM invite AS i
    WHERE d.connection = OLD.connection AND d.external_id = OLD.external_id
      AND (i.id = NEW.id OR i.connection = NEW.connection AND i.external_id = NEW.external_id);
    DELETE FROM delivery AS d
    WHERE d.connection = OLD.connection AND d.external_id = OLD.external_id AND d.fencing_token = 0
      AND NOT EXISTS (SELECT 1 FROM invite AS i
                      WHERE i.connection = OLD.connection AND i.external_id = OLD.external_id);
    RETURN NULL;
END
$$
-- ;;
CREATE TRIGGER invite_moved AFTER UPDATE ON invite FOR EACH ROW
WHEN ((NEW.id, NEW.connection, NEW.external_id) IS DISTINCT FROM (OLD.id, OLD.connection, OLD.external_id))
EXECUTE FUNCTION invite_moved()
-- ;;
CREATE OR REPLACE FUNCTION invite_deleted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM 1 FROM invite WHERE connection = OLD.connection AND external_id = OLD.external_id;
    IF FOUND THEN
        RETURN NULL; -- written again
    END IF;
    DELETE FROM delivery
    WHERE connection = OLD.connection AND external_id = OLD.external_id AND fencing_token = 0;
    PERFORM 1 FROM delivery WHERE connection = OLD.connection AND external_id = OLD.external_id;
    IF FOUND THEN
        RAISE EXCEPTION 'this invite was sent or tried: set wanted = ''absent'' instead of deleting it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$
-- ;;
CREATE TRIGGER invite_deleted AFTER DELETE ON invite
FOR EACH ROW EXECUTE FUNCTION invite_deleted()
-- ;;
-- TRUNCATE shows a trigger no rows, so that it is refused as a whole.
CREATE FUNCTION invite_truncating() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_TABLE_NAME = 'invite' THEN
        RAISE EXCEPTION 'TRUNCATE would forget what was sent or tried: set wanted = ''absent'' instead, or DELETE what was never tried'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RAISE EXCEPTION 'TRUNCATE of % would forget what was sent: all of it would be sent again', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
-- ;;
CREATE TRIGGER invite_truncating BEFORE TRUNCATE ON invite
FOR EACH STATEMENT EXECUTE FUNCTION invite_truncating()
-- ;;
CREATE TRIGGER delivery_truncating BEFORE TRUNCATE ON delivery
FOR EACH STATEMENT EXECUTE FUNCTION invite_truncating()
-- ;;
CREATE TRIGGER attempt_truncating BEFORE TRUNCATE ON attempt
FOR EACH STATEMENT EXECUTE FUNCTION invite_truncating()
-- ;;
CREATE OR REPLACE VIEW invite_status AS
@status@
