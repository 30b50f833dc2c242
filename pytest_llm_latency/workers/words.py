"""The kinds of messages between the workers of a gang and their controller, beside those of a round."""

COLLECTED = "collected"  # the latency tests that a worker has collected
COMPARED = "compared"  # with what each of them is compared
PROGRESS = "progress"  # how far a worker is with a test
HELD = "held"  # reports that wait for the verdicts of the other tests
BYE = "bye"

TESTS_AT_ONCE = 500  # that one message tells of
