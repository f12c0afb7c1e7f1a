//! What may be shown of a probe: no secret, nothing long.
