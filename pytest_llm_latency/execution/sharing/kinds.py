"""The kinds of messages about shared limits."""

# From a worker:
WANT, SETTLE, RETURN, REFUSED, FITS = "want", "settle", "return", "refused", "fits"
# To a worker:
GRANT, STOP, IDLE, HOLD = "grant", "stop", "idle", "hold"

TAKEN = (WANT, SETTLE, RETURN, REFUSED)  # by the desk, without an answer
