"""Speed and memory against named alternatives, run by ``make bench``; never part of the tests."""
