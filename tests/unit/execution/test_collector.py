"""The garbage collector while something is measured."""

import gc

from pytest_llm_latency.execution.collector import Pauses, quiet_collector


def test_what_is_alive_is_kept_out_of_collections_for_a_while() -> None:
    """And let go of afterwards."""
    gc.unfreeze()
    with quiet_collector():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_what_somebody_else_keeps_out_of_collections_stays_out() -> None:
    """It is not known which those are, and letting go of all would make their collections long."""
    gc.freeze()
    before = gc.get_freeze_count()
    with quiet_collector():
        assert gc.get_freeze_count() == before
    assert gc.get_freeze_count() == before


def test_each_collection_between_start_and_stop_is_timed() -> None:
    """And none outside."""
    pauses = Pauses()
    pauses.start()
    gc.collect()
    pauses.stop()
    timed = len(pauses.durations_s)
    gc.collect()
    assert timed >= 1
    assert len(pauses.durations_s) == timed
    assert all(duration >= 0 for duration in pauses.durations_s)


def test_stopping_again_leaves_the_callbacks_of_others_alone() -> None:
    """Two benchmarks of one process never hear of each other's collections."""
    others = list(gc.callbacks)
    pauses = Pauses()
    pauses.stop()
    pauses.start()
    pauses.stop()
    pauses.stop()
    assert gc.callbacks == others
