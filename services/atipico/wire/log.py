"""The store's log over HTTP, `GET /log`: what its answer says beside the lines."""

BEGIN = "X-Atipico-Begin"  # the offset that was read from; where `first` and `end` are
NEXT = "X-Atipico-Next"  # the offset behind the lines, where the next read goes on
END = "X-Atipico-End"  # where the log ends by now
