"""The kinds of messages between the workers of a gang and their controller."""

COLLECTED = "collected"  # the latency tests that a worker has collected
COMPARED = "compared"  # with what each of them is compared
PROGRESS = "progress"  # how far a worker is with a test
HELD = "held"  # reports that wait for the verdicts of the other tests
BYE = "bye"

# Of a round: what a worker asks, what it hands over, and what it is told.
ARRIVE, MEET, LOOK, DONE, LEAVE = "arrive", "meet", "look", "done", "leave"
PART = "part"
HALT = "halt"

CLOCK = "clock"  # a question for the controller's time
OFFSET = "offset"  # what was found of it

TESTS_AT_ONCE = 500  # that one message tells of
